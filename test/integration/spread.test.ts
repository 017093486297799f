import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Bridge, playground, until } from '../support/bridge.ts'
import type { BridgeProcess } from '../support/bridge-process.ts'
import { ConfigMaps } from '../support/config-maps.ts'

const names = ['a', 'b', 'c', 'd'] as const

async function open() {
  const clusters = await Promise.all(names.map((name) => playground(name)))
  const kubeconfigs = Object.fromEntries(clusters.map((cluster) => [cluster.name, cluster.kubeconfig()]))
  const bridge = await Bridge.open({ clusters: kubeconfigs })
  await bridge.writeFunction('noted')
  await bridge.start('dispatcher')
  return { bridge, clusters, maps: clusters.map((cluster) => new ConfigMaps(cluster)) }
}

/** How often it took a cluster, less how often it gave one up. */
function owned({ log }: BridgeProcess): number {
  const count = (text: string) => log.filter(({ msg }) => msg.startsWith(text)).length
  return count('watching cluster') - count('cluster is given up')
}

test('two watchers share the clusters evenly; when one is killed the other has them all within 15 s, and nothing is lost', async () => {
  const { bridge, maps } = await open()
  const first = await bridge.start('watcher')
  await until(() => expect(owned(first)).toBe(4))
  const ids: string[] = []
  for (const one of maps) ids.push(await one.create('m'))
  const second = await bridge.start('watcher')
  await until(() => expect([owned(first), owned(second)]).toEqual([2, 2]))
  for (const one of maps) ids.push(await one.update('m', { n: '1' }))
  await bridge.expectIds('noted', ids)

  await first.kill()
  const from = performance.now()
  for (const one of maps) ids.push(await one.update('m', { n: '2' }))
  await bridge.expectIds('noted', ids)
  expect(performance.now() - from).toBeLessThan(15_000)
  expect(owned(second)).toBe(4)
})

test('a watcher that stops hands each cluster over in less than a second', async () => {
  const { bridge, maps } = await open()
  const first = await bridge.start('watcher')
  const second = await bridge.start('watcher')
  await until(() => expect([owned(first), owned(second)]).toEqual([2, 2]))
  const ids: string[] = []
  for (const one of maps) ids.push(await one.create('m'))
  await bridge.expectIds('noted', ids)
  const stopping = first.stop()
  // when what was written at each moment was delivered
  const late: number[] = []
  for (let n = 0; n < 20; n++) {
    const from = performance.now()
    for (const one of maps) ids.push(await one.update('m', { n: `${n}` }))
    await until(() => expect(bridge.ids()).toHaveLength(ids.length))
    late.push(performance.now() - from)
    await sleep(20)
  }
  await stopping
  await bridge.expectIds('noted', ids)
  expect(Math.max(...late)).toBeLessThan(1_000)
})

test('a watcher that is forbidden a kind gives the cluster up to one that is registered, and does not take it back', async () => {
  const { bridge, clusters, maps } = await open()
  const first = await bridge.start('watcher')
  const second = await bridge.start('watcher')
  await until(() => expect([owned(first), owned(second)]).toEqual([2, 2]))
  clusters[0]?.forbid({ resource: 'configmaps' })
  clusters[0]?.cutConnections()
  const refused = [first, second].map(({ log }) => log.filter(({ msg }) => msg.includes('which may fare better')))
  await until(() => {
    const all = [first, second].flatMap(({ log }) => log.filter(({ msg }) => msg.includes('which may fare better')))
    expect(all).toMatchObject([{ cluster: 'a', reason: 'Forbidden', coolDownMs: 60_000 }])
  })
  expect(refused).toEqual([[], []])
  clusters[0]?.allow()
  await bridge.expectIds('noted', [await maps[0]!.create('m')])
})
