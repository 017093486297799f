import { describe, expect, test } from 'vitest'
import { Bridge, isWatched, playground, until } from '../support/bridge.ts'
import type { BridgeProcess } from '../support/bridge-process.ts'
import { ConfigMaps } from '../support/config-maps.ts'

/** One process whose function takes `handlerMs`, and does not care for its signal. */
async function open(handlerMs: number, settings: object = {}) {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() }, settings })
  const before = `context.log.info('begun'); await sleep(${handlerMs})`
  await bridge.writeFunction('slow', { before })
  const process = await bridge.start('start')
  await until(() => expect(isWatched(cluster)).toBe(true))
  return { bridge, process, maps: new ConfigMaps(cluster) }
}

const begun = (process: BridgeProcess, times = 1) =>
  until(() => expect(process.log.filter(({ msg }) => msg === 'begun')).toHaveLength(times))

describe('SIGTERM', () => {
  test('lets what runs finish, takes nothing new, and the process exits with 0; the rest comes with the next one', async () => {
    const { bridge, process, maps } = await open(800)
    const ids = [await maps.create('a')]
    await begun(process)
    process.signal('SIGTERM')
    ids.push(await maps.update('a', { n: '1' }))
    expect(await process.exited()).toEqual([0, null])
    expect(bridge.ids('slow')).toEqual(ids.slice(0, 1))
    await bridge.start('start')
    await bridge.expectIds('slow', ids)
    expect(bridge.told('slow').map(({ attempt }) => attempt)).toEqual([1, 1])
  })

  test('twice leaves at once, and nothing is lost', async () => {
    const { bridge, process, maps } = await open(1_500)
    const id = await maps.create('a')
    await begun(process)
    const from = performance.now()
    process.signal('SIGTERM')
    await until(() => expect(process.out).toContain('stopping; once more to leave at once'))
    const again = setInterval(() => process.signal('SIGTERM'), 50)
    expect(await process.exited()).toEqual([143, null])
    clearInterval(again)
    expect(performance.now() - from).toBeLessThan(1_000)
    expect(bridge.ids()).toEqual([])
    await bridge.start('start')
    await bridge.expectIds('slow', [id], 20_000)
  })

  test('waits no longer than drainSeconds for a handler that goes on, and its delta is delivered again', async () => {
    const { bridge, process, maps } = await open(60_000, { drainSeconds: 1 })
    const id = await maps.create('a')
    await begun(process)
    const from = performance.now()
    expect(await process.stop()).toEqual([0, null])
    expect(performance.now() - from).toBeLessThan(5_000)
    await bridge.writeFunction('slow')
    await bridge.start('start')
    await bridge.expectIds('slow', [id])
    // an abort by a shutdown is no attempt
    expect(bridge.told()[0]?.attempt).toBe(1)
  })
})
