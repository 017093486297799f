import { describe, expect, test } from 'vitest'
import type { Overview } from '../../cli-overview.ts'
import { Bridge, playground, until } from '../support/bridge.ts'
import { deltabridge } from '../support/cli.ts'
import { ConfigMaps } from '../support/config-maps.ts'

async function statusOf(bridge: Bridge, ...args: readonly string[]): Promise<Overview> {
  const { code, out, err } = await deltabridge(bridge.folder, 'status', '--json', ...args)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out)
}

describe('status', () => {
  test('tells clusters, streams, triggers and processes as they are', async () => {
    const cluster = await playground('first')
    await new ConfigMaps(cluster).create('a')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    await bridge.writeFunction('noted')
    await bridge.startBoth()
    const told = await until(async () => {
      const one = await statusOf(bridge)
      expect(one.streams[0]?.state).toBe('Live')
      return one
    })
    const watcher = told.processes.find(({ role }) => role === 'watcher')?.id
    expect(told.processes.map(({ role }) => role).sort()).toEqual(['dispatcher', 'watcher'])
    expect(told.clusters).toEqual([{ name: 'first', state: 'Owned', version: expect.stringMatching(/^v1\./) }])
    expect(told.streams).toEqual([
      {
        cluster: 'first',
        gvk: 'v1/ConfigMap',
        namespace: 'default',
        state: 'Live',
        objects: 1,
        resourceVersion: expect.stringMatching(/^\d+$/),
        lagSeconds: expect.any(Number),
        owner: watcher,
      },
    ])
    const waits = { pending: 0, inFlight: 0, retrying: 0, dead: 0, oldestPendingSeconds: 0 }
    expect(told.triggers).toEqual([{ name: 'noted', target: 'function noted', state: 'Active', ...waits }])
    const { out } = await deltabridge(bridge.folder, 'status')
    expect(out).toMatch(/^CLUSTER +STATE +VERSION +STREAMS LIVE/)
    expect(out).toMatch(/\nfirst +Owned +v1\.\S+ +1\/1\n/)
  })

  test('says so of a trigger that no running dispatcher has, as of a function that was removed while none ran', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    await bridge.writeFunction('noted')
    const { dispatcher } = await bridge.startBoth()
    await until(async () => expect((await statusOf(bridge)).triggers).toMatchObject([{ name: 'noted' }]))
    expect((await statusOf(bridge, '--problems')).triggers).toEqual([])
    await dispatcher.stop()
    expect((await statusOf(bridge, '--problems')).triggers).toMatchObject([
      { name: 'noted', state: 'Active', reason: 'NoDispatcher' },
    ])
    const { out } = await deltabridge(bridge.folder, 'status')
    expect(out).toMatch(/noted .*NoDispatcher: no dispatcher that runs has it/)
  })

  test('counts what waits, what failed and what is dead', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({
      clusters: { first: cluster.kubeconfig() },
      settings: { delivery: { backoff: { initialSeconds: 60 } } },
    })
    const before = `if (delta.name === 'bad') throw new Error('no')
    if (delta.name === 'dead') throw new PermanentError('never')`
    await bridge.writeFunction('picky', { before })
    await bridge.startBoth()
    const maps = new ConfigMaps(cluster)
    for (const name of ['good', 'bad', 'dead']) await maps.create(name)
    await until(async () => {
      const [picky] = (await statusOf(bridge)).triggers
      expect(picky).toMatchObject({ pending: 1, inFlight: 0, retrying: 1, dead: 1 })
      expect(picky!.oldestPendingSeconds).toBeGreaterThanOrEqual(1)
    })
  })

  test('tells the very rule that a forbidden stream lacks; the others go on, and so does this one when it is given', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    await bridge.writeFunction('noted')
    await bridge.writeFunction('keys', { gvk: 'v1/Secret', filter: {} })
    cluster.forbid({ resource: 'secrets' })
    const process = bridge.launch('start')
    const [blocked] = await until(async () => {
      const { streams } = await statusOf(bridge, '--problems')
      expect(streams.map(({ gvk, state }) => `${gvk} ${state}`)).toEqual(['v1/Secret Blocked'])
      return streams
    })
    expect(blocked).toMatchObject({
      reason: 'Forbidden',
      message: expect.stringMatching(
        /cannot (list|watch) resource "secrets".*; the missing rule: \w+ on secrets at the cluster scope$/,
      ),
      missing: { verbs: [expect.stringMatching(/^(list|watch)$/)], group: '', resource: 'secrets', namespace: '' },
    })
    expect(process.log).toContainEqual(
      expect.objectContaining({
        reason: 'Forbidden',
        missing: expect.stringMatching(/ on secrets at the cluster scope$/),
      }),
    )
    const ids = [await new ConfigMaps(cluster).create('a')]
    await bridge.expectIds('noted', ids)
    cluster.allow()
    await until(async () => expect((await statusOf(bridge, '--problems')).streams).toEqual([]), 25_000)
  })

  test('says so of streams whose watcher is gone, and of a configured cluster that nobody ever reached', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    expect((await statusOf(bridge)).clusters).toMatchObject([{ name: 'first', state: 'Pending', reason: 'NoWatcher' }])
    await bridge.writeFunction('noted')
    const { watcher } = await bridge.startBoth()
    await until(async () => expect((await statusOf(bridge)).streams).toMatchObject([{ state: 'Live' }]))
    await watcher.stop()
    const { clusters, streams, processes } = await statusOf(bridge)
    expect(processes.map(({ role }) => role)).toEqual(['dispatcher'])
    expect(clusters).toMatchObject([{ state: 'Pending', reason: 'NoWatcher' }])
    expect(streams).toMatchObject([{ state: 'Pending', reason: 'NoWatcher', owner: null }])
  })

  test('of a kind that the cluster does not serve is Gone', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    await bridge.writeFunction('databases', { gvk: 'example.com/v1/Database', filter: {} })
    bridge.launch('start')
    await until(async () =>
      expect((await statusOf(bridge)).streams).toMatchObject([
        { gvk: 'example.com/v1/Database', state: 'Gone', reason: 'NotFound' },
      ]),
    )
  })

  test('in JSON tells also why it cannot tell', async () => {
    const bridge = await Bridge.open({ clusters: {}, redis: { url: 'redis://127.0.0.1:1', prefix: 'nowhere' } })
    const { code, out } = await deltabridge(bridge.folder, 'status', '-o', 'json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ error: { reason: 'RedisUnavailable', fix: expect.any(String) } })
  })

  test('of a state that there is not is wrong usage', async () => {
    const bridge = await Bridge.open({ clusters: {} })
    const { code, err } = await deltabridge(bridge.folder, 'status', '--state', 'Blockd')
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('did you mean Blocked?') })
  })
})
