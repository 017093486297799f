import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Bridge, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

async function open() {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  return { bridge, maps: new ConfigMaps(cluster) }
}

test('of two watchers the second takes over within 15 s when the first is killed amid changes; nothing is lost or repeated', async () => {
  const { bridge, maps } = await open()
  await bridge.writeFunction('noted')
  const { watcher: first } = await bridge.startBoth()
  const second = await bridge.start('watcher')
  const ids: string[] = []
  for (const name of ['a', 'b', 'c']) ids.push(await maps.create(name))
  await bridge.expectIds('noted', ids)
  expect(second.out).not.toContain('watching cluster')

  const writing = writeMany(maps, ids)
  await until(() => expect(bridge.ids().length).toBeGreaterThan(20))
  await first.kill()
  const from = performance.now()
  const before = bridge.ids().length
  await writing
  ids.push(await maps.remove('b'), await maps.create('b'))
  expect(before).toBeLessThan(ids.length)
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

/** Changes, at a pace that leaves time to be interrupted. */
async function writeMany(maps: ConfigMaps, ids: string[]): Promise<void> {
  for (let n = 0; n < 300; n++) {
    ids.push(await maps.update(n % 2 === 0 ? 'a' : 'c', { n: `${n}` }))
    await sleep(2)
  }
}
