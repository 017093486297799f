import type { Redis } from 'ioredis'
import type { ShardKeys } from '../core/redis/keys.ts'
import type { TriggerRecord } from '../core/triggers.ts'

/** A removal is believed when the API server says so twice, this far apart: a server that is starting may not know all yet. */
const usuallyBelievedAfterMs = 5_000

/**
 * The kinds of one cluster that are not served though somebody waits for them: for whom that is so outlives the process,
 * because whatever is there when the kind comes is new to them.
 */
export class AbsentKinds {
  readonly #redis: Redis
  readonly #key: string
  readonly #believedAfterMs: number
  readonly #since = new Map<string, number>()

  constructor(redis: Redis, keys: ShardKeys, clusterId: string, believedAfterMs = usuallyBelievedAfterMs) {
    this.#believedAfterMs = believedAfterMs
    this.#redis = redis
    this.#key = keys.absent(clusterId)
  }

  /** The API server says once more that it does not serve the kind. Returns whether that is to be believed. */
  seen(gvk: string): boolean {
    const since = this.#since.get(gvk) ?? performance.now()
    this.#since.set(gvk, since)
    return performance.now() - since >= this.#believedAfterMs
  }

  /** It is served. Returns whether it was not before. */
  served(gvk: string): boolean {
    return this.#since.delete(gvk)
  }

  /** Takes note of who waits for these kinds, and of who does not any more. */
  async note(gvks: Iterable<string>, triggers: readonly TriggerRecord[]): Promise<void> {
    const ids = new Set(triggers.map(({ id }) => id))
    const noted = new Set(await this.#redis.hkeys(this.#key))
    const left = [...noted].filter((field) => !ids.has(field.slice(field.indexOf(' ') + 1)))
    if (left.length > 0) await this.#redis.hdel(this.#key, ...left)
    const waiting = [...gvks].flatMap((gvk) =>
      triggers.filter(({ definition }) => definition.gvk.includes(gvk)).map(({ id }) => fieldOf(gvk, id)),
    )
    const fresh = waiting.filter((field) => !noted.has(field))
    if (fresh.length > 0) await this.#redis.hset(this.#key, new Map(fresh.map((field) => [field, '1'])))
  }

  /** Those of the triggers that waited for the kind. */
  async waiting(gvk: string, triggers: readonly TriggerRecord[]): Promise<Set<string>> {
    const noted = await this.#redis.hmget(this.#key, ...triggers.map(({ id }) => fieldOf(gvk, id)))
    return new Set(triggers.filter((_, i) => noted[i] !== null).map(({ id }) => id))
  }

  /** They have been told of what is there. */
  async over(gvk: string, triggerIds: Iterable<string>): Promise<void> {
    const fields = [...triggerIds].map((id) => fieldOf(gvk, id))
    if (fields.length > 0) await this.#redis.hdel(this.#key, ...fields)
  }
}

function fieldOf(gvk: string, triggerId: string): string {
  return `${gvk} ${triggerId}`
}
