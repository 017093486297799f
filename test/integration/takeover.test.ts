import { expect, test } from 'vitest'
import { Bridge, playground } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

async function open() {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  return { bridge, maps: new ConfigMaps(cluster) }
}

test('of two watchers the second takes over within 15 s when the first is killed; nothing is lost or repeated', async () => {
  const { bridge, maps } = await open()
  await bridge.writeFunction('noted')
  const { watcher: first } = await bridge.startBoth()
  const second = await bridge.start('watcher')
  const ids: string[] = []
  for (const name of ['a', 'b', 'c']) ids.push(await maps.create(name))
  await bridge.expectIds('noted', ids)
  expect(second.out).not.toContain('watching cluster')

  ids.push(await maps.update('a', { n: '1' }))
  await first.kill()
  const from = performance.now()
  ids.push(await maps.update('a', { n: '2' }), await maps.remove('b'), await maps.create('b'))
  await bridge.expectIds('noted', ids)
  expect(performance.now() - from).toBeLessThan(15_000)
  expect(second.out).toContain('watching cluster')
})

test('a watcher that stops gives its clusters up: the second takes over at once', async () => {
  const { bridge, maps } = await open()
  await bridge.writeFunction('noted')
  const { watcher: first } = await bridge.startBoth()
  await bridge.start('watcher')
  expect(await first.stop()).toEqual([0, null])
  const from = performance.now()
  await bridge.expectIds('noted', [await maps.create('a'), await maps.update('a', { n: '1' })])
  expect(performance.now() - from).toBeLessThan(5_000)
})
