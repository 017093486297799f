import { expect, test } from 'vitest'
import { Bridge, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

test('what a dispatcher held that was killed in the middle of its handlers is delivered by the next one, in order', async () => {
  const cluster = await playground()
  const maps = new ConfigMaps(cluster)
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  const before = `context.log.info('begun'); if (delta.object.data?.n === '1') await sleep(500)`
  await bridge.writeFunction('noted', { before })
  const { dispatcher } = await bridge.startBoth()
  const names = ['a', 'b', 'c', 'd']
  const ids: string[] = []
  for (const n of ['0', '1', '2'])
    for (const name of names) ids.push(await (n === '0' ? maps.create(name, { n }) : maps.update(name, { n })))
  await until(() => expect(dispatcher.log.filter(({ msg }) => msg === 'begun')).toHaveLength(8))
  await dispatcher.kill()
  expect(bridge.told()).toHaveLength(4)
  for (const name of names) ids.push(await maps.remove(name))
  await bridge.start('dispatcher')
  await bridge.expectIdsAtLeastOnce('noted', ids, 25_000)
  expect(bridge.ids().length - ids.length).toBeLessThanOrEqual(names.length)
})
