/** A list costs an API server memory for all of its objects, and a thousand streams may start at once. */
const usuallyMost = 50

/** How many lists of one cluster are under way; who comes when there are enough waits in line. */
export class ListSlots {
  #free: number
  readonly #line = new Set<() => void>()

  constructor(most = usuallyMost) {
    this.#free = most
  }

  /** Waits for a slot; returns what gives it back, which may be called twice. Rejects when `signal` aborts. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#turn(signal)
    let held = true
    return () => {
      if (held) this.#giveBack()
      held = false
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      // whoever was let in at this moment gives the slot back
      if (this.#line.delete(resolve)) reject(signal.reason)
    }
    this.#line.add(resolve)
    signal.addEventListener('abort', leave)
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #giveBack(): void {
    const [next] = this.#line
    if (next) {
      this.#line.delete(next)
      next()
    } else this.#free++
  }
}
