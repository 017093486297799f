/** How many objects a drain should have in hand: as many as run at once, and about one second of measured work. */
export class Pace {
  readonly #entriesPerObject: number
  #lately = 0
  #perSecond = 0
  #since = performance.now()

  constructor(entriesPerObject: number) {
    this.#entriesPerObject = entriesPerObject
  }

  delivered(): void {
    this.#lately++
  }

  /** Asks in quarters: a question for every single object would cost more than the object. */
  want(concurrency: number, waiting: number, running: number): number {
    const now = performance.now()
    const seconds = (now - this.#since) / 1_000
    if (seconds >= 0.2) {
      this.#perSecond = this.#lately / seconds
      this.#lately = 0
      this.#since = now
    }
    const capacity = concurrency + Math.min(mostAhead, Math.ceil(this.#perSecond / this.#entriesPerObject))
    const free = capacity - waiting - running
    return free >= capacity / 4 || running === 0 ? Math.max(free, 0) : 0
  }
}

/** Bounds what a crash leaves to be recovered one by one, and what one script unpacks. */
const mostAhead = 500
