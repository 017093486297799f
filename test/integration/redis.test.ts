import { expect, onTestFinished, test } from 'vitest'
import { freePort, startRedisServer } from '../../infra/playground/redis-server.ts'
import { Bridge, isWatched, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

test('Redis that is not there at the start is told and waited for', async () => {
  const port = await freePort()
  const cluster = await playground()
  const redis = { url: `redis://127.0.0.1:${port}`, prefix: 'late' }
  const bridge = await Bridge.open({ redis, clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted')
  const [dispatcher, watcher] = [bridge.launch('dispatcher'), bridge.launch('watcher')]
  for (const process of [dispatcher, watcher]) {
    await until(async () => expect(await process.problems()).toMatch(/Redis.*does not answer/))
    expect(process.log.filter(({ msg }) => msg === 'Redis does not answer; trying again')).toHaveLength(1)
  }

  await using _server = await startRedisServer({ port })
  await dispatcher.ready()
  await until(() => expect(isWatched(cluster)).toBe(true))
  await watcher.ready()
  await bridge.expectIds('noted', [await new ConfigMaps(cluster).create('a')])
})

test('Redis that dies amid changes and comes back loses nothing and repeats nothing', async () => {
  const server = await startRedisServer({ args: ['--appendfsync', 'always'] })
  onTestFinished(() => server.close())
  const cluster = await playground()
  const maps = new ConfigMaps(cluster)
  const redis = { url: server.url, prefix: 'away' }
  const bridge = await Bridge.open({ redis, clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted')
  const { dispatcher, watcher } = await bridge.startBoth()
  const ids = [await maps.create('before', { n: '0' })]
  await bridge.expectIds('noted', ids)

  const writing = (async () => {
    for (let n = 1; n <= 200; n++) ids.push(await maps.update('before', { n: `${n}` }))
  })()
  await until(() => expect(bridge.ids().length).toBeGreaterThan(5))
  await server.kill()
  await writing
  await until(async () => expect(await watcher.problems()).toContain('Redis does not answer'))
  await until(async () => expect(await dispatcher.problems()).toContain('does not answer'))
  for (const name of ['a', 'b', 'c']) ids.push(await maps.create(name))
  ids.push(await maps.remove('b'), await maps.create('b'))
  await server.start()

  await bridge.expectIds('noted', ids, 25_000)
  await dispatcher.ready()
  await watcher.ready()
  ids.push(await maps.update('a', { n: '2' }))
  await bridge.expectIds('noted', ids)
  for (const process of [dispatcher, watcher]) expect(await process.stop()).toEqual([0, null])
})
