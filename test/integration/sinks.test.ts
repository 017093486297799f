import { expect, onTestFinished, test } from 'vitest'
import { startBus } from '../../infra/playground/bus.ts'
import { Bridge, isWatched, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

/** One cluster, a bus named k8s, and a trigger from the one to the other beside a function. */
async function open() {
  const [cluster, bus] = [await playground(), await startBus({ buses: ['k8s'] })]
  onTestFinished(() => bus.close())
  const bridge = await Bridge.open({
    clusters: { first: cluster.kubeconfig() },
    settings: {
      sinks: { audit: { eventbridge: { bus: 'k8s', region: 'eu-west-1', endpoint: bus.url } } },
      triggers: { 'maps-to-audit': { gvk: 'v1/ConfigMap', namespaces: ['default'], old: true, to: 'audit' } },
      delivery: { backoff: { initialSeconds: 0.2, maxSeconds: 1 } },
    },
  })
  await bridge.writeFunction('noted')
  const process = await bridge.start('start')
  await until(() => expect(isWatched(cluster)).toBe(true))
  const sent = () => bus.events.map(({ detail }) => String(detail.id))
  return { bridge, process, bus, sent, maps: new ConfigMaps(cluster) }
}

test('deltas of a configured trigger arrive on the bus as CloudEvents, in order', async () => {
  const { bus, sent, maps } = await open()
  const ids = [await maps.create('a', { n: '0' }), await maps.update('a', { n: '1' }), await maps.remove('a')]
  await until(() => expect(sent()).toEqual(ids))
  expect(bus.events[1]).toMatchObject({
    bus: 'k8s',
    detailType: 'dev.deltabridge.object.updated.v1',
    detail: {
      specversion: '1.0',
      source: 'k8s://first/core/configmaps#maps-to-audit',
      cluster: 'first',
      trigger: 'maps-to-audit',
      data: { object: { data: { n: '1' } }, old: { data: { n: '0' } }, changed: ['data.n'] },
    },
  })
})

test('a bus that throttles, fails and refuses single entries gets everything, in order, while functions go on', async () => {
  const { bridge, bus, sent, maps } = await open()
  // a call is tried twice before the sink takes the bus for throttled, and waits
  bus.failNext({ kind: 'throttle' }, 2)
  bus.failNext({ kind: 'error' })
  bus.failNext({ kind: 'entry', index: 0 })
  bus.failNext({ kind: 'entry', index: 1, code: 'InternalFailure' }, 2)
  const ids: string[] = []
  for (const n of ['0', '1', '2'])
    for (let i = 0; i < 12; i++) ids.push(await (n === '0' ? maps.create(`m${i}`, { n }) : maps.update(`m${i}`, { n })))
  await bridge.expectIds('noted', ids, 5_000)
  expect(sent().length).toBeLessThan(ids.length)
  await until(() => expect(new Set(sent())).toEqual(new Set(ids)))
  const line = (all: readonly string[], i: number) => all.filter((id) => id.startsWith(ids[i]!.split('.')[0]!))
  for (let i = 0; i < 12; i++) expect(line(sent(), i)).toEqual(line(ids, i))
  expect(bus.lost).toBe(0)
})
