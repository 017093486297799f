import type { Redis } from 'ioredis'
import { connectRedis, redisReady } from '../../core/redis/connection.ts'
import type { RedisCorner } from '../support/redis.ts'
import type { Step } from './history.ts'
import { allKeys, atRest } from './leftovers.ts'
import { faultsOf } from './oracle.ts'
import { NoRest, World } from './world.ts'

/** Plays one history in a world of its own and returns everything that is wrong with what came of it. `redis`: for looking on. */
export async function play(
  corner: RedisCorner,
  redis: Redis,
  name: string,
  steps: readonly Step[],
): Promise<readonly string[]> {
  const prefix = `${corner.prefix}-${name}`
  const world = new World(redis, prefix, async () => {
    const connection = connectRedis(corner.settings, 'commands')
    connection.on('error', () => {})
    await redisReady(connection, AbortSignal.timeout(10_000))
    return connection
  })
  try {
    await world.open()
    for (const step of steps) await world.take(step)
    await world.finish()
    const triggerIds = world.ledger.triggers.map(({ id }) => id)
    const { faults, dead } = await atRest(redis, world.keys, world.cluster, triggerIds)
    return [...world.ledger.faults, ...faultsOf(world.cluster, world.ledger, dead), ...faults]
  } catch (error) {
    if (error instanceof NoRest) return [error.message]
    throw error
  } finally {
    await world.close()
    const left = await allKeys(redis, `{${prefix}:*`)
    if (left.length > 0) await redis.unlink(...left)
  }
}
