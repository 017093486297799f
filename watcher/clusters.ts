import type { ClusterSettings } from '../core/config/settings.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import { Cluster, type ClusterContext } from './cluster.ts'
import type { Clustered } from './spread.ts'

interface Running {
  readonly cluster: Cluster
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/** The clusters that are configured now: added, changed and removed while running, each for itself. */
export class Clusters {
  readonly #context: ClusterContext
  readonly #signal: AbortSignal
  readonly #running = new Map<string, Running>()
  /** By name; one that comes back waits until what was of it has ended. */
  readonly #leaving = new Map<string, Promise<void>>()
  #triggers: readonly TriggerRecord[] | undefined

  /** They run until `signal` aborts. */
  constructor(context: ClusterContext, signal: AbortSignal) {
    this.#context = context
    this.#signal = signal
  }

  get all(): readonly Cluster[] {
    return [...this.#running.values()].map(({ cluster }) => cluster)
  }

  follow(settings: readonly ClusterSettings[]): void {
    const names = new Set(settings.map(({ name }) => name))
    for (const [name, { stop, ended }] of this.#running) {
      if (names.has(name)) continue
      this.#running.delete(name)
      this.#leaving.set(name, ended)
      stop.abort()
      this.#context.log.info(
        { cluster: name },
        'cluster is not configured any more; nothing of it is told, and what is known of it is kept for a while',
      )
    }
    for (const one of settings) {
      const running = this.#running.get(one.name)
      if (running) running.cluster.change(one)
      else this.#start(one)
    }
  }

  setTriggers(triggers: readonly TriggerRecord[]): void {
    this.#triggers = triggers
    for (const cluster of this.all) cluster.setTriggers(triggers)
  }

  /** What the other watchers are told. */
  clustered(): Clustered {
    return Object.fromEntries(this.all.map(({ name, candidacy }) => [name, candidacy]))
  }

  /** Leaves these to others. */
  giveUp(names: readonly string[]): void {
    for (const name of names) this.#running.get(name)?.cluster.giveUp()
  }

  /** Resolves when all have ended, after the signal aborted. */
  async ended(): Promise<void> {
    await Promise.all([...[...this.#running.values()].map(({ ended }) => ended), ...this.#leaving.values()])
  }

  #start(settings: ClusterSettings): void {
    const cluster = new Cluster(settings, this.#context)
    if (this.#triggers) cluster.setTriggers(this.#triggers)
    const stop = new AbortController()
    const before = this.#leaving.get(settings.name) ?? Promise.resolve()
    const ended = before.then(() => cluster.run(AbortSignal.any([this.#signal, stop.signal])))
    this.#running.set(settings.name, { cluster, stop, ended })
  }
}
