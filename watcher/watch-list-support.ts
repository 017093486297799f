/** How long a server that cannot stream lists is spared the question. */
const sparedMs = 3_600_000

/** Whether a cluster can stream the lists of a resource; what it once refused is remembered for an hour. */
export class WatchListSupport {
  readonly #refusedUntil = new Map<string, number>()

  tries(path: string): boolean {
    return performance.now() >= (this.#refusedUntil.get(path) ?? 0)
  }

  refused(path: string): void {
    this.#refusedUntil.set(path, performance.now() + sparedMs)
  }
}
