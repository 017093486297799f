import { expect, test } from 'vitest'
import { Bridge, playground } from '../support/bridge.ts'
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

test('`deltabridge start` is a watcher and a dispatcher in one process, and is ready only when it hears of what happens', async () => {
  const [first, second] = [await playground('first'), await playground('second')]
  const bridge = await Bridge.open({ clusters: { first: first.kubeconfig(), second: second.kubeconfig() } })
  await bridge.writeFunction('noted')
  // the watcher has long read which triggers there are when these are published
  await bridge.writeModule('slow', slow)
  const process = await bridge.start('start')
  const ids = [await new ConfigMaps(first).create('a'), await new ConfigMaps(second).create('a')]
  await bridge.expectIds('noted', ids)
  expect(new Set(bridge.told().map(({ cluster }) => cluster))).toEqual(new Set(['first', 'second']))
  expect(await process.stop()).toEqual([0, null])
})

const slow = `import { on } from 'deltabridge'
await new Promise((done) => setTimeout(done, 700))
export default on('v1/ConfigMap', () => {})
`
