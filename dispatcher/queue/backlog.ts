import type { Redis } from 'ioredis'
import { decodeEntry } from '../../core/queue/entry.ts'
import type { ShardKeys } from '../../core/redis/keys.ts'
import { redisNowMs } from '../../core/status.ts'

/** What waits for one trigger. */
export interface Backlog {
  /** Deltas, those in flight included. */
  readonly pending: number
  /** Objects that drains hold. */
  readonly inFlight: number
  /** Objects that wait for their next attempt. */
  readonly retrying: number
  readonly dead: number
  /** 0 = nothing waits. */
  readonly oldestPendingSeconds: number
  /** Its target failed as a whole, and is left alone for a while. */
  readonly breakerOpen: boolean
  /** By hand: nothing more of it is delivered. */
  readonly paused: boolean
}

/** Objects wait in turn, so the oldest delta is of one of those whose turn is next, or is being tried. */
const sampled = 50

/** Counts what waits for a trigger, without looking at all of it. */
export async function backlogOf(redis: Redis, keys: ShardKeys, triggerId: string): Promise<Backlog> {
  const queue = keys.queue(triggerId)
  const [pending, retrying, dead, drains, next, parked, breaker, paused] = await Promise.all([
    redis.get(`${queue}:pending`),
    redis.zcard(`${queue}:parked`),
    redis.hlen(`${queue}:dead`),
    redis.hkeys(`${queue}:armed`),
    redis.lrange(`${queue}:ready`, 0, sampled - 1),
    redis.zrange(`${queue}:parked`, 0, `${sampled - 1}`),
    redis.exists(`${queue}:breaker`),
    redis.hexists(`${queue}:pause`, 'since'),
  ])
  const claimed = (await Promise.all(drains.map((drain) => redis.hkeys(`${queue}:claim:${drain}`)))).flat()
  const objects = [...new Set([...next, ...parked, ...claimed.slice(0, sampled)])]
  const heads = await Promise.all(objects.map((object) => redis.lindex(`${queue}:mb:${object}`, 0)))
  const seenAt = heads.flatMap((text) => (text === null ? [] : [Date.parse(decodeEntry(text).observedAt)]))
  const oldestMs = seenAt.length === 0 ? 0 : (await redisNowMs(redis)) - Math.min(...seenAt)
  return {
    pending: Number(pending ?? 0),
    inFlight: claimed.length,
    retrying,
    dead,
    oldestPendingSeconds: Math.max(0, Math.round(oldestMs / 1_000)),
    breakerOpen: breaker === 1,
    paused: paused === 1,
  }
}
