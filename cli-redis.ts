import type { Redis } from 'ioredis'
import { CommandFailure } from './cli-command.ts'
import { connectRedis, type RedisSettings, redisReady } from './core/redis/connection.ts'

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
