import type { ParsedPod } from './contender.ts'

/** Counts what is delivered, and whether the changes of each object come in order. */
export class Tally {
  readonly #last = new Map<string, number>()
  #seen = 0
  #violations = 0
  #awaited: { count: number; reached: (violations: number) => void } | undefined

  deliver({ metadata: { uid, resourceVersion } }: ParsedPod): void {
    const version = Number(resourceVersion)
    if (version <= (this.#last.get(uid) ?? 0)) this.#violations++
    this.#last.set(uid, version)
    this.#seen++
    this.#tell()
  }

  /** Resolves with the violations so far once so many have been delivered. */
  reached(count: number): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#awaited = { count, reached: resolve }
    this.#tell()
    return promise
  }

  #tell(): void {
    if (this.#awaited && this.#seen >= this.#awaited.count) this.#awaited.reached(this.#violations)
  }
}
