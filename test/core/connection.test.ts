import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { type ConnectionUse, connectRedis, redisReady } from '../../core/redis/connection.ts'
import { loadScript } from '../../core/redis/script.ts'
import { startRedisServer } from '../../infra/playground/redis-server.ts'

test.each<ConnectionUse>(['commands', 'jobs'])(
  'a connection for %s to a master that became a replica is made anew: behind its name stands another one by now',
  async (use) => {
    await using server = await startRedisServer()
    const redis = connectRedis({ url: server.url, prefix: 'x' }, use)
    onTestFinished(() => redis.disconnect())
    await redisReady(redis, AbortSignal.timeout(10_000))
    await redis.hset('triggers', 'old', 't1\ndropping')
    await redis.replicaof('127.0.0.1', 1)

    const plain = once(redis, 'close', { signal: AbortSignal.timeout(5_000) })
    await expect(redis.set('a', '1')).rejects.toThrow('READONLY')
    await plain
    await redisReady(redis, AbortSignal.timeout(10_000))

    const within = once(redis, 'close', { signal: AbortSignal.timeout(5_000) })
    const forget = loadScript(new URL('../../dispatcher/registry/forget-trigger.lua', import.meta.url))
    await expect(forget.run(redis, ['triggers', 'revision'], ['old', 't1'])).rejects.toThrow('UNDONE READONLY')
    await within
  },
)
