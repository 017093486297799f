import { expect, test } from 'vitest'
import { Bridge, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

test('what is watched and what came of the deliveries is told to Prometheus, and no object by name', async () => {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted')
  await bridge.writeFunction('refusing', {
    filter: { delivery: { attempts: 2, backoff: { initialSeconds: 0.1, maxSeconds: 0.1 } } },
    before: `throw new Error('no')`,
  })
  const { watcher, dispatcher } = await bridge.startBoth()
  const maps = new ConfigMaps(cluster)
  await bridge.expectIds('noted', [await maps.create('a'), await maps.create('b')])
  await until(async () => {
    const counted = await dispatcher.metrics()
    expect(counted.get('deltabridge_deliveries_total{trigger="noted",outcome="ok"}')).toBe(2)
    expect(counted.get('deltabridge_deliveries_total{trigger="refusing",outcome="retry"}')).toBe(2)
    expect(counted.get('deltabridge_deliveries_total{trigger="refusing",outcome="dead"}')).toBe(2)
    expect(counted.get('deltabridge_delivery_seconds_count{trigger="noted"}')).toBe(2)
    expect(counted.get('deltabridge_delta_age_seconds_count{trigger="noted"}')).toBe(2)
    expect(counted.get('deltabridge_pending{trigger="noted"}')).toBe(0)
    expect(counted.get('deltabridge_dead_letters{trigger="refusing"}')).toBe(2)
  })
  const watched = await watcher.metrics()
  expect(watched.get('deltabridge_streams{cluster="first",state="Live"}')).toBeGreaterThanOrEqual(1)
  expect(watched.get('deltabridge_objects{cluster="first",gvk="v1/ConfigMap"}')).toBeGreaterThanOrEqual(2)
  for (const name of [...(await dispatcher.metrics()).keys(), ...watched.keys()]) expect(name).not.toMatch(/"a"|"b"/)
})
