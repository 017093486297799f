const givenMs = 10_000
const refusedMs = 60_000
const longestMs = 3_600_000

/** For how long a cluster that was given up is left to others; after refusals in a row, for longer and longer. */
export class CoolDown {
  #until = Number.NEGATIVE_INFINITY
  #refusals = 0

  get over(): boolean {
    return performance.now() >= this.#until
  }

  given(): void {
    this.#until = performance.now() + givenMs
  }

  /** Returns how long that is. */
  refused(): number {
    const ms = Math.min(longestMs, refusedMs * 2 ** this.#refusals++)
    this.#until = performance.now() + ms
    return ms
  }
}
