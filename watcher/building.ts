import type { Batch, Phase } from './batch.ts'
import { compareResourceVersions } from './resource-version.ts'

/** A batch that is being filled, with what will be true once it is committed. */
export interface Building {
  readonly batch: Batch
  /** The stream's position after it. Never goes back. */
  readonly resourceVersion: string
  moveTo(resourceVersion: string): void
}

/** The same, as its committer sees it. */
export class OpenBatch implements Building {
  readonly batch: Batch
  phase: Phase
  resourceVersion: string
  /** How often the resource had gone back in time when the stream was live last. */
  n: number
  closed = false

  constructor(batch: Batch, phase: Phase, resourceVersion: string, n: number) {
    this.batch = batch
    this.phase = phase
    this.resourceVersion = resourceVersion
    this.n = n
  }

  moveTo(resourceVersion: string): void {
    if (this.resourceVersion === '' || (compareResourceVersions(resourceVersion, this.resourceVersion) ?? 1) > 0)
      this.resourceVersion = resourceVersion
  }
}
