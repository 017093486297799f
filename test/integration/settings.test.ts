import { expect, test } from 'vitest'
import { Bridge, isWatched, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

test.each(['watcher', 'dispatcher', 'start'] as const)(
  'an unknown key ends %s with 1, told by its path with what was meant, beside every other fault',
  async (role) => {
    const bridge = await Bridge.open({
      clusters: {},
      settings: { redis: { prefx: 'a' }, drainSecond: 5, readiness: 'some' },
    })
    const process = bridge.launch(role)
    expect(await process.exited()).toEqual([1, null])
    expect(process.out).toMatch(/redis\.prefx.*did you mean.*prefix/)
    expect(process.out).toMatch(/drainSecond.*did you mean.*drainSeconds/)
    expect(process.out).toMatch(/readiness/)
    expect(process.log).toEqual([])
  },
)

test('`deltabridge start` is a watcher and a dispatcher in one process', async () => {
  const [first, second] = [await playground('first'), await playground('second')]
  const bridge = await Bridge.open({ clusters: { first: first.kubeconfig(), second: second.kubeconfig() } })
  await bridge.writeFunction('noted')
  const process = await bridge.start('start')
  await until(() => expect([first, second].every(isWatched)).toBe(true))
  const ids = [await new ConfigMaps(first).create('a'), await new ConfigMaps(second).create('a')]
  await bridge.expectIds('noted', ids)
  expect(
    bridge
      .told()
      .map(({ cluster }) => cluster)
      .sort(),
  ).toEqual(['first', 'second'])
  expect(await process.stop()).toEqual([0, null])
})
