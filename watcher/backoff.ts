/**
 * client-go's reflector constants (tools/cache/reflector.go:62-67): 800 ms doubling to 30 s, each wait between one and two
 * times that, so that what failed together does not come back together.
 */
const initialMs = 800
const maxMs = 30_000

/** How long to wait after each failure in a row. */
export class Backoff {
  readonly #random: () => number
  #failures = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /** Something worked. */
  reset(): void {
    this.#failures = 0
  }

  /** Another failure: how long to wait, but never less than the server asked for (`leastMs`, itself jittered by a tenth). */
  nextMs(leastMs = 0): number {
    const base = Math.min(maxMs, initialMs * 2 ** Math.min(this.#failures, 10))
    this.#failures++
    return Math.max(base * (1 + this.#random()), leastMs * (1 + this.#random() / 10))
  }
}
