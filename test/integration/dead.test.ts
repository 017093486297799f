import { describe, expect, test } from 'vitest'
import { installationKeys, shardKeys } from '../../core/redis/keys.ts'
import { readTriggers } from '../../core/triggers.ts'
import { Bridge, playground, until } from '../support/bridge.ts'
import { deltabridge } from '../support/cli.ts'
import { ConfigMaps } from '../support/config-maps.ts'

interface Listed {
  readonly items: readonly { readonly id: string; readonly name: string; readonly deltaId: string }[]
  readonly next?: string
}

/** A bridge with a function that gives up whatever is there until `mend`; its clusters are `first` and `second`. */
async function openBroken() {
  const clusters = { first: await playground('first'), second: await playground('second') }
  const bridge = await Bridge.open({
    clusters: { first: clusters.first.kubeconfig(), second: clusters.second.kubeconfig() },
  })
  const filter = { namespaces: ['default'], old: true }
  const note = '({ replayed: delta.replayed })'
  await bridge.writeFunction('picky', { filter, before: `throw new PermanentError('no ' + delta.name)`, note })
  await bridge.startBoth()
  // each of the clusters is heard
  await until(async () => {
    const { out } = await deltabridge(bridge.folder, 'status', '--json')
    expect(JSON.parse(out).streams).toMatchObject([{ state: 'Live' }, { state: 'Live' }])
  })
  const { prefix, connect } = bridge.corner!
  const redis = await connect()
  const { triggers } = await readTriggers(redis, installationKeys(prefix))
  const key = `${shardKeys(prefix, 0).queue(triggers[0]!.id)}:dead`
  const run = (...args: readonly string[]) => deltabridge(bridge.folder, 'dead', ...args)
  const list = async (...args: readonly string[]): Promise<Listed> => {
    const { code, out, err } = await run('list', '--json', ...args)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    return JSON.parse(out)
  }
  return {
    bridge,
    run,
    list,
    names: async (...args: readonly string[]) => (await list(...args)).items.map(({ name }) => name),
    maps: { first: new ConfigMaps(clusters.first), second: new ConfigMaps(clusters.second) },
    async expectDead(count: number) {
      await until(async () => expect(await redis.hlen(key)).toBe(count))
    },
    /** Until a delta of `name` gets through. */
    async mend(name: string, write: () => Promise<string>) {
      await bridge.writeFunction('picky', { filter, note })
      // a module that was just written may not be the running one yet: what it gave up before is dropped
      const id = await write()
      await until(async () => expect(bridge.ids('picky').length + (await list('--object', name)).items.length).toBe(1))
      return id
    },
  }
}

describe('dead list', () => {
  test('tells the newest first, page by page, and only those that are asked for', async () => {
    const { maps, list, names, run, expectDead } = await openBroken()
    const ids: string[] = []
    for (const name of ['a', 'b', 'c']) {
      ids.push(await maps.first.create(name))
      await expectDead(ids.length)
    }
    await maps.second.create('d')
    await expectDead(4)
    expect(await names()).toEqual(['d', 'c', 'b', 'a'])
    expect(await names('--cluster', 'first')).toEqual(['c', 'b', 'a'])
    expect(await names('--object', 'default/b')).toEqual(['b'])
    expect(await names('--object', 'other/b')).toEqual([])
    expect(await names('--gvk', 'v1/Secret')).toEqual([])
    expect(await names('--since', '1h', '--trigger', 'pick*')).toHaveLength(4)
    expect(await names('--since', '2999-01-01T00:00:00Z')).toEqual([])
    const first = await list('--limit', '3')
    expect(first.items.map(({ name }) => name)).toEqual(['d', 'c', 'b'])
    const second = await list('--limit', '3', '--next', first.next!)
    expect(second).toEqual({ items: [expect.objectContaining({ name: 'a', deltaId: ids[0] })] })
    expect(second.items[0]).toEqual({
      id: expect.stringMatching(/^t\d+-\d+$/),
      trigger: 'picky',
      cluster: 'first',
      gvk: 'v1/ConfigMap',
      namespace: 'default',
      name: 'a',
      type: 'Added',
      attempts: 1,
      error: 'PermanentError: no a',
      firstFailedAt: expect.stringMatching(/Z$/),
      deadAt: expect.stringMatching(/Z$/),
      deltaId: ids[0],
    })
    const { out } = await run('list', '--limit', '1')
    expect(out).toMatch(/^ID +TRIGGER .*\n\S+ +picky +second .* default\/d .*no d\n\nmore: --next \S+\n$/)
    const unknown = await run('list', '--trigger', 'piky')
    expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('did you mean picky?') })
    const never = await run('list', '--since', 'yesterday')
    expect(never).toMatchObject({ code: 2, err: expect.stringContaining('--since yesterday is no time') })
    // each of the questions is a process
  }, 60_000)
})

describe('dead show', () => {
  test('prints the delta with both of its objects, what it failed with, and where', async () => {
    const { maps, list, run, expectDead } = await openBroken()
    await maps.first.create('a', { size: '1' })
    await expectDead(1)
    const deltaId = await maps.first.update('a', { size: '2' })
    await expectDead(2)
    const [newest] = (await list()).items
    const { code, out } = await run('show', newest!.id, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      id: newest!.id,
      error: 'PermanentError: no a',
      stack: expect.stringContaining('picky.ts'),
      delta: {
        id: deltaId,
        type: 'Updated',
        cluster: 'first',
        object: { kind: 'ConfigMap', data: { size: '2' } },
        old: { data: { size: '1' } },
        changed: ['data.size'],
      },
    })
    expect((await run('show', newest!.id)).out).toMatch(/\nerror: PermanentError: no a\n.*"size": "2"/s)
    const gone = await run('show', 't1-999')
    expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('there is no dead letter t1-999') })
  })
})

describe('dead replay and dead drop', () => {
  test('deliver once more what no newer delta has overtaken, and drop the rest when told to', async () => {
    const { bridge, maps, list, names, run, mend, expectDead } = await openBroken()
    const [a, b] = [await maps.first.create('a'), await maps.first.create('b')]
    await expectDead(2)
    const newer = await mend('c', () => maps.first.create('c'))
    const dry = await run('replay', '--trigger', 'picky', '--dry-run', '--json')
    expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, superseded: [] })
    expect(await names()).toContain('a')
    await run('drop', '--object', 'c')
    const updated = await maps.first.update('b', { n: '1' })
    await until(() => expect(bridge.ids('picky')).toContain(updated))
    const replayed = await run('replay', '--trigger', 'picky', '--json')
    const [{ id }] = (await list()).items as [Listed['items'][number]]
    expect(replayed.code).toBe(1)
    expect(JSON.parse(replayed.out)).toEqual({ dryRun: false, replayed: 1, superseded: [id] })
    await until(() =>
      expect(bridge.told('picky')).toContainEqual(expect.objectContaining({ id: a, note: { replayed: true } })),
    )
    expect(await names()).toEqual(['b'])
    const refused = await run('replay', id)
    expect(refused).toMatchObject({ code: 1, out: 'replayed 0\n', err: expect.stringContaining('--force') })
    expect(await run('replay', id, '--force')).toEqual({ code: 0, out: 'replayed 1\n', err: '' })
    await until(() => expect(bridge.ids('picky').slice(-1)).toEqual([b]))
    expect(bridge.ids('picky').filter((one) => one !== newer)).toEqual([updated, a, b])
  })

  test('drop only what is asked for', async () => {
    const { maps, names, run, expectDead } = await openBroken()
    for (const name of ['a', 'b', 'c']) await maps.first.create(name)
    await expectDead(3)
    expect((await run('drop', '--object', 'b', '--dry-run')).out).toBe('would drop 1\n')
    expect(await run('drop', '--object', 'b')).toEqual({ code: 0, out: 'dropped 1\n', err: '' })
    expect((await names()).sort()).toEqual(['a', 'c'])
    expect(JSON.parse((await run('drop', '--all', '--json')).out)).toEqual({ dryRun: false, dropped: 2 })
    expect((await run('list')).out).toBe('no dead letters\n')
  })
})
