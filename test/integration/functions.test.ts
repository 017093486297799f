import { describe, expect, test } from 'vitest'
import { Bridge, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

async function open(settings: object = {}) {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() }, settings })
  return { cluster, maps: new ConfigMaps(cluster), bridge }
}

describe('a function', () => {
  test('that throws on import is told by name; the others run, and it does when its file is mended', async () => {
    const { bridge, maps } = await open()
    await bridge.writeModule('broken', `throw new Error('no database today')`)
    await bridge.writeFunction('noted')
    const dispatcher = bridge.launch('dispatcher')
    await until(async () =>
      expect(await dispatcher.problems()).toMatch(/^function broken\.ts: .*no database today.*\n$/),
    )
    expect(dispatcher.log).toContainEqual(
      expect.objectContaining({ level: 'error', msg: 'fault in function broken.ts' }),
    )
    const watcher = await bridge.start('watcher')
    await bridge.expectIds('noted', [await maps.create('a')])

    await bridge.writeFunction('broken')
    await dispatcher.ready()
    await watcher.ready()
    await bridge.expectIds('broken', [await maps.create('b')])
  })

  test('is dropped in and removed while everything runs; nothing is restarted for it', async () => {
    const { bridge, cluster, maps } = await open({ orphanSeconds: 1 })
    await bridge.writeFunction('noted')
    const { dispatcher, watcher } = await bridge.startBoth()
    const secrets = () => cluster.requests.filter(({ path }) => path.endsWith('/secrets'))
    expect(secrets()).toEqual([])
    await bridge.writeFunction('late', { gvk: 'v1/Secret' })
    await until(() => expect(secrets().at(-1)?.query).toContain('watch=1'))
    await cluster.request('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 's' } })
    await until(() => expect(bridge.told('late')).toMatchObject([{ type: 'Added', name: 's' }]))

    await bridge.removeFunction('late')
    await until(() => expect(dispatcher.out).toContain('trigger withdrawn'))
    await until(() =>
      expect(watcher.log).toContainEqual(
        expect.objectContaining({ gvk: 'v1/Secret', msg: 'nobody needs this stream any more; it is forgotten' }),
      ),
    )
    await bridge.expectIds('noted', [await maps.create('a')])
    await watcher.ready()
    for (const process of [dispatcher, watcher]) expect(process.child.exitCode).toBeNull()
  })

  test('that begins with the existing objects is told of each once, as initial, then of what happens', async () => {
    const { bridge, maps } = await open()
    const ids = [await maps.create('a'), await maps.create('b')]
    await bridge.writeFunction('all', { filter: { namespaces: ['default'], from: 'existing' } })
    await bridge.writeFunction('noted')
    const { watcher } = await bridge.startBoth()
    await bridge.expectIds('all', ids)
    expect(bridge.told('all').map(({ initial }) => initial)).toEqual([true, true])
    const later = [await maps.update('a', { n: '1' }), await maps.create('c'), await maps.remove('b')]
    await bridge.expectIds('all', [...ids, ...later])
    await bridge.expectIds('noted', later)

    await watcher.stop()
    await bridge.start('watcher')
    later.push(await maps.create('d'))
    await bridge.expectIds('all', [...ids, ...later])
    expect(bridge.told('all').filter(({ initial }) => initial)).toHaveLength(2)
  })

  test('that fails for ever on one object ends in dead letters; its other objects and the other function are untouched', async () => {
    const { bridge, maps } = await open()
    const delivery = { attempts: 3, backoff: { initialSeconds: 0.1, maxSeconds: 0.2 } }
    await bridge.writeFunction('picky', {
      filter: { namespaces: ['default'], delivery },
      before: `if (delta.name === 'bad') throw new Error('never this one')`,
    })
    await bridge.writeFunction('noted')
    const { dispatcher } = await bridge.startBoth()
    const ids = [await maps.create('bad')]
    for (const name of ['a', 'b', 'c']) ids.push(await maps.create(name))
    ids.push(await maps.update('bad', { n: '1' }))
    await bridge.expectIds('noted', ids)
    await bridge.expectIds('picky', ids.slice(1, 4))
    const dead = () => dispatcher.log.filter(({ level, trigger }) => level === 'error' && trigger === 'picky')
    await until(() => expect(dead().map(({ deltaId }) => deltaId)).toEqual([ids[0], ids[4]]))
    expect(dead().map(({ attempt }) => attempt)).toEqual([3, 3])
    expect(bridge.told('noted').map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1])
  })
})
