/**
 * How many requests go to one sink at once: every one that comes, until the sink throttles; then half of that, and slowly
 * more again. The dispatcher's breaker stops for a while, this makes what comes after it slower.
 */
export class InFlight {
  #limit = most
  #running = 0
  /** Requests that began before the last cut say nothing about the pace since. */
  #cuts = 0
  readonly #waiting: (() => void)[] = []

  /** At the moment. */
  get limit(): number {
    return Math.floor(this.#limit)
  }

  /** `throttled`: whether that is what the sink did. */
  async run<T>(request: () => Promise<T>, throttled: (result: T) => boolean): Promise<T> {
    if (this.#running >= this.limit) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    const cuts = this.#cuts
    try {
      const result = await request()
      if (!throttled(result)) this.#limit = Math.min(most, this.#limit + 1 / this.#limit)
      else if (cuts === this.#cuts) this.#cut()
      return result
    } finally {
      this.#leave()
    }
  }

  #cut(): void {
    this.#cuts++
    this.#limit = Math.max(1, Math.floor(this.#running / 2))
  }

  /** Its place goes to the next one, or nobody's any more. */
  #leave(): void {
    this.#running--
    while (this.#running < this.limit) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#running++
      next()
    }
  }
}

/** More than a drain's concurrency ever asks for. */
const most = 1_000
