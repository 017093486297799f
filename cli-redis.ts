import type { Redis } from 'ioredis'
import { CommandFailure } from './cli-command.ts'
import { Jobs } from './core/queue/jobs.ts'
import { connectRedis, type RedisSettings, redisReady } from './core/redis/connection.ts'
import type { ShardKeys } from './core/redis/keys.ts'

const patienceMs = 5_000

/** A connection for the time of `work`. Throws CommandFailure when Redis does not answer. */
export async function withRedis<T>(settings: RedisSettings, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = connectRedis(settings, 'commands')
  let last = 'no answer'
  redis.on('error', (error: Error) => {
    last = error.message || last
  })
  try {
    await redisReady(redis, AbortSignal.timeout(patienceMs)).catch(() => {
      const { host } = new URL(settings.url)
      const fix = 'start it, or correct redis in the configuration'
      throw new CommandFailure('RedisUnavailable', `Redis at ${host} does not answer (${last})`, { fix })
    })
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

/** Adds the jobs of drains that a script armed. */
export async function addDrains(
  settings: RedisSettings,
  keys: ShardKeys,
  triggerId: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return
  const bull = connectRedis(settings, 'jobs')
  bull.on('error', () => {})
  const jobs = new Jobs(bull, keys)
  try {
    await redisReady(bull, AbortSignal.timeout(patienceMs))
    await Promise.all(ids.map((id) => jobs.addDrain(triggerId, id)))
    await jobs.close()
  } catch {
    // what is armed and lacks its job is seen to by the dispatchers' sweepers
  } finally {
    bull.disconnect()
  }
}
