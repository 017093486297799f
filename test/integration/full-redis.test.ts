import { expect, test } from 'vitest'
import { connectRedis } from '../../core/redis/connection.ts'
import { startRedisServer } from '../../infra/playground/redis-server.ts'
import { Bridge, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

test('what starts while Redis is full waits and says so, and goes on when there is room', async () => {
  await using server = await startRedisServer()
  const settings = { url: server.url, prefix: 'full' }
  const redis = connectRedis(settings, 'jobs')
  try {
    await redis.config('SET', 'maxmemory', '1')
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() }, redis: settings })
    await bridge.writeFunction('noted')
    const both = bridge.launch('start')
    await until(async () => expect(await both.problems()).toMatch(/Redis takes nothing: OOM/))
    expect(both.log).toContainEqual(expect.objectContaining({ msg: 'publishing the triggers failed; trying again' }))
    await redis.config('SET', 'maxmemory', '0')
    await both.ready(20_000)
    await bridge.expectIds('noted', [await new ConfigMaps(cluster).create('a')])
  } finally {
    redis.disconnect()
  }
})
