import type { Redis } from 'ioredis'
import { isWildcard } from '../core/filter.ts'
import type { Log } from '../core/log.ts'
import type { ShardKeys } from '../core/redis/keys.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import { AbsentKinds } from './absent-kinds.ts'
import type { Connection } from './connection.ts'
import { notServed } from './demand.ts'
import { Discovery, type ServedKind } from './discovery.ts'
import { watchKinds } from './kind-watch.ts'
import type { Gate, Sleep } from './list-watch.ts'
import { watchFailure } from './watch-failure.ts'
import { WildcardKinds } from './wildcard-kinds.ts'

export interface ServedKindsContext {
  /** Without `fresh` it knows no wildcards, and is not told what comes. */
  readonly api: Pick<Connection, 'get' | 'open'> & Partial<Pick<Connection, 'fresh'>>
  readonly gate?: () => Gate | undefined
  readonly sleep?: Sleep
  /** Told when kinds may have come or gone. */
  readonly changed?: () => void
  readonly redis: Redis
  readonly shard: ShardKeys
  readonly clusterId: string
  readonly believedAfterMs?: number
  readonly log: Log
}

/** How often all kinds are asked for where a wildcard wants them and nobody tells what comes; and otherwise, to be sure. */
const wildcardEveryMs = 10_000
const settledMs = 60_000
/** A kind is served a moment after it was defined: for so long after a change it is asked for quickly. */
const unsettledMs = 5_000
const quicklyMs = 400

/** Why a kind is not watched. */
export interface Unserved {
  readonly reason: string
  readonly message: string
}

/** Which of the wanted kinds one cluster serves: they come and go. */
export class ServedKinds {
  readonly #c: ServedKindsContext
  readonly #discovery: Discovery
  readonly absent: AbsentKinds
  #unserved = new Map<string, Unserved>()
  #removed = new Set<string>()
  #returned = new Set<string>()
  readonly #wildcards: WildcardKinds
  #changedAt = Number.NEGATIVE_INFINITY
  #watch: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined

  constructor(context: ServedKindsContext) {
    this.#c = context
    this.#discovery = new Discovery(context.api)
    this.#wildcards = new WildcardKinds(context.api)
    this.absent = new AbsentKinds(context.redis, context.shard, context.clusterId, context.believedAfterMs)
  }

  /** As of the last look. */
  get unserved(): ReadonlyMap<string, Unserved> {
    return this.#unserved
  }

  /** Those of them that are known to be gone, with everything that was there. */
  get removed(): ReadonlySet<string> {
    return this.#removed
  }

  /** Those that are served, and were not at the look before. */
  get returned(): ReadonlySet<string> {
    return this.#returned
  }

  /** How long until they should be looked for again, at the most. */
  get patienceMs(): number {
    if (this.#unsettled) return quicklyMs
    return this.#wildcards.inUse ? wildcardEveryMs : settledMs
  }

  get #unsettled(): boolean {
    return performance.now() - this.#changedAt < unsettledMs
  }

  async close(): Promise<void> {
    this.#watch?.stop.abort()
    await this.#watch?.ended
    this.#watch = undefined
  }

  async #follow(needed: boolean, signal: AbortSignal): Promise<void> {
    if (!needed) return this.close()
    const { api, gate, sleep, changed } = this.#c
    if (this.#watch || !api.fresh || !changed) return
    const stop = new AbortController()
    const options = {
      api,
      gate: gate?.(),
      sleep,
      changed: () => {
        this.#changedAt = performance.now()
        changed()
      },
    }
    this.#watch = { stop, ended: watchKinds(options, AbortSignal.any([signal, stop.signal])) }
  }

  /** Asks the API server for what the triggers want. `doubtful`: kinds that a stream was just told do not exist. */
  async look(
    triggers: readonly TriggerRecord[],
    doubtful: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<Map<string, readonly ServedKind[]>> {
    const served = new Map<string, readonly ServedKind[]>()
    const unserved = new Map<string, Unserved>()
    const removed = new Set<string>()
    const returned = new Set<string>()
    for (const gvk of new Set(triggers.flatMap(({ definition }) => definition.gvk))) {
      try {
        if (isWildcard(gvk)) {
          served.set(gvk, await this.#wildcards.expand(gvk, signal, doubtful.size > 0 || this.#unsettled))
          continue
        }
        if (doubtful.has(gvk)) this.#discovery.forget(gvk)
        const kind = await this.#discovery.find(gvk, signal)
        if (kind) {
          served.set(gvk, [kind])
          if (this.absent.served(gvk)) returned.add(gvk)
        } else {
          unserved.set(gvk, { reason: 'NotFound', message: notServed(gvk, triggers) })
          if (this.absent.seen(gvk) && (await this.#discovery.removed(gvk, signal))) removed.add(gvk)
        }
      } catch (error) {
        if (signal.aborted) throw error
        const { reason, message } = watchFailure(error)
        unserved.set(gvk, { reason, message })
      }
    }
    for (const gvk of this.#wildcards.removed([...served.values()].flat())) removed.add(gvk)
    const missing = [...unserved].filter(([, { reason }]) => reason === 'NotFound').map(([gvk]) => gvk)
    await this.absent.note(missing, triggers)
    for (const [gvk, { reason, message }] of unserved)
      if (this.#unserved.get(gvk)?.message !== message)
        this.#c.log.warn({ gvk, reason, err: message }, 'kind cannot be watched yet')
    this.#unserved = unserved
    this.#removed = removed
    this.#returned = returned
    await this.#follow(unserved.size > 0 || [...served.keys()].some(isWildcard), signal)
    return served
  }
}
