import { statSync } from 'node:fs'
import { parse } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kubeconfigsIn } from './clusters-folder.ts'
import { BadConfig } from './fault.ts'
import type { ClusterSettings, Settings } from './settings.ts'

export interface FollowOptions {
  /** Reads the whole configuration again. Throws BadConfig. */
  readonly load: () => Settings
  /** Told of settings that differ from the last ones. */
  readonly changed: (settings: Settings) => void
  /** Told once of what cannot be used; what was in force stays so. */
  readonly refused: (error: BadConfig) => void
  readonly pollMs?: number
  readonly goneMs?: number
}

/**
 * Follows the configuration file and the folder of clusters until `signal` aborts. Polled: notifications get lost on network
 * file systems and on the links of mounted ConfigMaps. Without a file there is nothing to follow.
 */
export async function followSettings(settings: Settings, options: FollowOptions, signal: AbortSignal): Promise<void> {
  const { file } = settings
  const { load, changed, refused, pollMs = 500, goneMs = 5_000 } = options
  if (file === undefined) return
  let current = settings
  const folder = new FollowedFolder(goneMs)
  const look = () => JSON.stringify([markOf(file), folder.look(current)])
  let seen = look()
  let before = seen
  while (!signal.aborted) {
    await sleep(pollMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    const now = look()
    // twice the same: nobody is in the middle of writing
    const settled = now === before
    before = now
    if (!settled || now === seen) continue
    seen = now
    try {
      const read = load()
      const next = { ...read, clusters: [...read.clusters, ...folder.lingering(current, read.clusters)] }
      if (JSON.stringify(next) === JSON.stringify(current)) continue
      current = next
      changed(next)
    } catch (error) {
      if (!(error instanceof BadConfig)) throw error
      refused(error)
    }
  }
}

/** The names in a folder of clusters, those that have just gone among them: a file that is being replaced is not a removal. */
class FollowedFolder {
  readonly #goneMs: number
  readonly #seenAt = new Map<string, number>()

  constructor(goneMs: number) {
    this.#goneMs = goneMs
  }

  look({ clustersFrom }: Settings): readonly string[] {
    if (clustersFrom === undefined) return []
    const now = performance.now()
    try {
      for (const file of kubeconfigsIn(clustersFrom)) this.#seenAt.set(parse(file).name, now)
    } catch {
      // a folder that cannot be read says nothing of its clusters
      for (const name of this.#seenAt.keys()) this.#seenAt.set(name, now)
    }
    for (const [name, seenAt] of this.#seenAt) if (now - seenAt > this.#goneMs) this.#seenAt.delete(name)
    return [...this.#seenAt.keys()].sort()
  }

  lingering({ clusters, clustersFrom }: Settings, read: readonly ClusterSettings[]): ClusterSettings[] {
    const names = new Set(read.map(({ name }) => name))
    return clusters.filter(
      ({ name, access }) =>
        !names.has(name) &&
        this.#seenAt.has(name) &&
        clustersFrom !== undefined &&
        access.kubeconfig?.startsWith(clustersFrom),
    )
  }
}

function markOf(file: string): string {
  const info = statSync(file, { throwIfNoEntry: false })
  return info ? `${info.mtimeMs} ${info.size} ${info.ino}` : ''
}
