import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { inject, onTestFinished } from 'vitest'
import { type ConnectionUse, connectRedis, type RedisSettings, redisReady } from '../../core/redis/connection.ts'

/** A corner of the test run's Redis that nobody else uses. */
export interface RedisCorner {
  readonly settings: RedisSettings
  readonly prefix: string
  /** A ready connection that closes with the test. */
  connect(use?: ConnectionUse): Promise<Redis>
}

/** The corner is emptied when the test ends. `url`: of a Redis that the test has for itself. */
export function redisCorner(url: string = inject('redisUrl')): RedisCorner {
  const prefix = `test-${randomUUID().slice(0, 8)}`
  const settings = { url, prefix }
  const open: Redis[] = []
  onTestFinished(async () => {
    const janitor = connectRedis(settings, 'commands')
    await redisReady(janitor, AbortSignal.timeout(10_000))
    for (const pattern of [`{${prefix}}*`, `{${prefix}:*`]) {
      for await (const keys of janitor.scanStream({ match: pattern, count: 1_000 })) {
        if (keys.length > 0) await janitor.unlink(...keys)
      }
    }
    for (const redis of [...open, janitor]) redis.disconnect()
  })
  return {
    settings,
    prefix,
    async connect(use = 'commands') {
      const redis = connectRedis(settings, use)
      open.push(redis)
      await redisReady(redis, AbortSignal.timeout(10_000))
      return redis
    },
  }
}
