import { expect, onTestFinished, test } from 'vitest'
import { connectRedis, redisReady } from '../../core/redis/connection.ts'
import { startRedisServer } from '../../infra/playground/redis-server.ts'
import { Bridge, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

test('when Redis loses everything, what is there is told once more, marked so, and then what happens', {
  timeout: 90_000,
}, async () => {
  const server = await startRedisServer({})
  onTestFinished(() => server.close())
  const cluster = await playground()
  const settings = { url: server.url, prefix: 'lost' }
  const bridge = await Bridge.open({ redis: settings, clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted', { note: 'delta.reason' })
  const { watcher } = await bridge.startBoth()
  const maps = new ConfigMaps(cluster)
  const [a, b] = [await maps.create('a'), await maps.create('b')]
  await bridge.expectIds('noted', [a, b])

  const redis = connectRedis(settings, 'commands')
  await redisReady(redis, AbortSignal.timeout(5_000))
  await redis.flushall()
  redis.disconnect()
  await until(() => expect(bridge.ids('noted')).toHaveLength(4), 60_000)
  const again = bridge.told('noted').slice(2)
  expect(again.map(({ id }) => id).sort()).toEqual([a, b].sort())
  for (const one of again) expect(one).toMatchObject({ type: 'Added', initial: true, note: 'StateReset' })
  expect(watcher.log).toContainEqual(
    expect.objectContaining({ level: 'error', msg: expect.stringContaining('all data in Redis was lost') }),
  )
  await watcher.ready()
  const c = await maps.create('c')
  await until(() => expect(bridge.ids('noted')).toHaveLength(5))
  expect(bridge.told('noted').at(-1)).toMatchObject({ id: c, type: 'Added' })
  expect(bridge.told('noted').at(-1)?.initial).toBeUndefined()
})
