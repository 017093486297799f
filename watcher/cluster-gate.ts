import { setTimeout as timer } from 'node:timers/promises'
import type { Gate } from './list-watch.ts'
import type { WatchFailure } from './watch-failure.ts'

export interface ClusterGateOptions {
  /** Asks the cluster for anything; resolves when it answered, whatever it said. */
  readonly probe: (signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly random?: () => number
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}

const firstProbeMs = 500
const longestProbeMs = 5_000
/** After an outage all streams go on at once, spread over this long. */
const spreadMs = 250

/**
 * While a cluster does not answer, its streams wait together and one probe tries: jittered, from 0.5 s doubling to 5 s. So an
 * outage costs a request now and then, however many streams there are, and when the cluster is back all of them go on at once.
 */
export class ClusterGate implements Gate {
  readonly #options: ClusterGateOptions
  #closed: Promise<void> | undefined
  #failure: WatchFailure | undefined
  #closedAt = 0

  constructor(options: ClusterGateOptions) {
    this.#options = options
  }

  /** Why the cluster does not answer; undefined while it does. */
  get failure(): WatchFailure | undefined {
    return this.#failure
  }

  /** For how long nobody has answered. */
  get closedMs(): number {
    return this.#closed === undefined ? 0 : performance.now() - this.#closedAt
  }

  /** Only what nobody answered: a single stream that is cut says nothing of the others. */
  report(failure: WatchFailure): boolean {
    if (!failure.outage) return false
    if (!this.#closed) this.#closedAt = performance.now()
    this.#failure ??= failure
    this.#closed ??= this.#probe().finally(() => {
      this.#closed = undefined
      this.#failure = undefined
    })
    return true
  }

  async passed(signal: AbortSignal): Promise<void> {
    const { random = Math.random, sleep = realSleep } = this.#options
    const over = new AbortController()
    await Promise.race([this.#closed, aborted(signal, over.signal)])
    over.abort()
    if (!signal.aborted) await sleep(spreadMs * random(), signal)
  }

  async #probe(): Promise<void> {
    const { probe, signal, random = Math.random, sleep = realSleep } = this.#options
    for (let delayMs = firstProbeMs; !signal.aborted; delayMs = Math.min(2 * delayMs, longestProbeMs)) {
      await sleep(delayMs * (0.5 + random() / 2), signal)
      if (signal.aborted) return
      const answered = await probe(signal).then(
        () => true,
        () => false,
      )
      if (answered) return
    }
  }
}

const realSleep = (ms: number, signal: AbortSignal) => timer(ms, undefined, { signal }).catch(() => {})

/** Listens no longer than until `over`. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true, signal: over })
  })
}
