import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/**
 * `ok`: delivered. `retry`: failed, comes again. `dead`: failed for good. `target`: the target failed, nothing is counted
 * against the delta. `filtered`: the trigger no longer wants it.
 */
export type DeliveryOutcome = 'ok' | 'retry' | 'dead' | 'target' | 'filtered'

/** From a millisecond to a function's own time limit. */
const secondsBuckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30]
/** A delta may have waited for a target that was away over a weekend. */
const ageBuckets = [0.01, 0.05, 0.25, 1, 5, 30, 300, 3_600, 86_400]

/** What a dispatcher counts, in the words of Prometheus. Labels never hold an object's name. */
export class DeliveryMetrics {
  readonly #registry = new Registry()
  readonly #deliveries = new Counter({
    name: 'deltabridge_deliveries_total',
    help: 'Deliveries that were tried, by what came of them',
    labelNames: ['trigger', 'outcome'],
    registers: [this.#registry],
  })
  readonly #seconds = new Histogram({
    name: 'deltabridge_delivery_seconds',
    help: 'How long a target took for a delivery; a batch counts for each of its deltas',
    labelNames: ['trigger'],
    buckets: secondsBuckets,
    registers: [this.#registry],
  })
  readonly #age = new Histogram({
    name: 'deltabridge_delta_age_seconds',
    help: 'From when a watcher saw the change until it was delivered; the clocks of both machines count',
    labelNames: ['trigger'],
    buckets: ageBuckets,
    registers: [this.#registry],
  })

  /** `waiting`: asked at each scrape, deltas that wait and dead letters by trigger. */
  constructor(waiting: () => Promise<readonly { trigger: string; pending: number; dead: number }[]>) {
    const registers = [this.#registry]
    new Gauge({
      name: 'deltabridge_dead_letters',
      help: 'Deliveries that failed for good and are kept',
      labelNames: ['trigger'],
      registers,
      async collect() {
        this.reset()
        for (const { trigger, dead } of await waiting()) this.set({ trigger }, dead)
      },
    })
    new Gauge({
      name: 'deltabridge_pending',
      help: 'Deltas that wait or are being delivered, over all dispatchers',
      labelNames: ['trigger'],
      registers,
      async collect() {
        this.reset()
        for (const { trigger, pending } of await waiting()) this.set({ trigger }, pending)
      },
    })
  }

  /** The target has answered for `count` deltas after so long. */
  answered(trigger: string, seconds: number, count: number): void {
    for (let i = 0; i < count; i++) this.#seconds.observe({ trigger }, seconds)
  }

  settled(trigger: string, outcome: DeliveryOutcome, observedAt: string): void {
    this.#deliveries.inc({ trigger, outcome })
    const age = (Date.now() - Date.parse(observedAt)) / 1_000
    if (outcome === 'ok' && age >= 0) this.#age.observe({ trigger }, age)
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }
}
