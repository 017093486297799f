import type { Redis } from 'ioredis'
import type { Log } from '../core/log.ts'
import type { ShardKeys } from '../core/redis/keys.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import { AbsentKinds } from './absent-kinds.ts'
import type { Connection } from './connection.ts'
import { notServed } from './demand.ts'
import { Discovery, type ServedKind } from './discovery.ts'
import { watchFailure } from './watch-failure.ts'

export interface ServedKindsContext {
  readonly api: Pick<Connection, 'get'>
  readonly redis: Redis
  readonly shard: ShardKeys
  readonly clusterId: string
  readonly believedAfterMs?: number
  readonly log: Log
}

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

  constructor(context: ServedKindsContext) {
    this.#c = context
    this.#discovery = new Discovery(context.api)
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

  /** Asks the API server for what the triggers want. `doubtful`: kinds that a stream was just told do not exist. */
  async look(
    triggers: readonly TriggerRecord[],
    doubtful: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<Map<string, ServedKind>> {
    const served = new Map<string, ServedKind>()
    const unserved = new Map<string, Unserved>()
    const removed = new Set<string>()
    const returned = new Set<string>()
    for (const gvk of new Set(triggers.flatMap(({ definition }) => definition.gvk))) {
      try {
        if (doubtful.has(gvk)) this.#discovery.forget(gvk)
        const kind = await this.#discovery.find(gvk, signal)
        if (kind) {
          served.set(gvk, kind)
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
    const missing = [...unserved].filter(([, { reason }]) => reason === 'NotFound').map(([gvk]) => gvk)
    await this.absent.note(missing, triggers)
    for (const [gvk, { reason, message }] of unserved)
      if (this.#unserved.get(gvk)?.message !== message)
        this.#c.log.warn({ gvk, reason, err: message }, 'kind cannot be watched yet')
    this.#unserved = unserved
    this.#removed = removed
    this.#returned = returned
    return served
  }
}
