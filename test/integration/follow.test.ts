import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { startBus } from '../../infra/playground/bus.ts'
import { startCluster } from '../../infra/playground/cluster.ts'
import { Bridge, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

async function configure(bridge: Bridge, edit: (config: Record<string, unknown>) => void): Promise<void> {
  const file = join(bridge.folder, 'deltabridge.yaml')
  const config = parse(await readFile(file, 'utf8'))
  edit(config)
  await writeFile(file, stringify(config))
}

const isOpen = (cluster: Awaited<ReturnType<typeof playground>>, count = 1) =>
  until(() =>
    expect(cluster.requests.filter(({ query }) => query.includes('watch=1')).length).toBeGreaterThanOrEqual(count),
  )

test('clusters come and go while it runs; one that is removed tells nothing, and has missed nothing when it is back', async () => {
  const [first, second] = [await playground('first'), await playground('second')]
  const bridge = await Bridge.open({ clusters: { first: first.kubeconfig() } })
  await bridge.writeFunction('noted')
  const process = await bridge.start('start')
  const ids = [await new ConfigMaps(first).create('a')]
  await bridge.writeKubeconfig('second', second.kubeconfig())
  await configure(bridge, (config) => {
    config.clusters = { first: { kubeconfig: './first.kubeconfig' }, second: { kubeconfig: './second.kubeconfig' } }
  })
  await isOpen(second)
  await process.ready()
  ids.push(await new ConfigMaps(second).create('b'), await new ConfigMaps(second).create('c'))
  await bridge.expectIds('noted', ids)

  await configure(bridge, (config) => {
    config.clusters = { first: { kubeconfig: './first.kubeconfig' } }
  })
  await until(() => expect(process.out).toContain('cluster is not configured any more'))
  const missed = [await new ConfigMaps(second).remove('b'), await new ConfigMaps(second).update('c', { n: '1' })]
  ids.push(await new ConfigMaps(first).create('d'))
  await bridge.expectIds('noted', ids)

  await configure(bridge, (config) => {
    config.clusters = { first: { kubeconfig: './first.kubeconfig' }, second: { kubeconfig: './second.kubeconfig' } }
  })
  await bridge.expectIds('noted', [...ids, ...missed])
})

test('a bad edit keeps what was in force, and is told by path; mended, it is followed', async () => {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted')
  const process = await bridge.start('start')
  await configure(bridge, (config) => {
    config.clusters = { first: { kubecnofig: './first.kubeconfig' } }
  })
  await until(() =>
    expect(process.log).toContainEqual(
      expect.objectContaining({
        level: 'error',
        err: expect.stringMatching(/clusters\.first\.kubecnofig: unknown key .did you mean kubeconfig/),
      }),
    ),
  )
  await bridge.expectIds('noted', [await new ConfigMaps(cluster).create('a')])
})

test('new credentials in a kubeconfig are taken up without a lost or a repeated delta', async () => {
  const cluster = await startCluster({ name: 'first', token: 'old' })
  await using _ = cluster
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted')
  const process = await bridge.start('start')
  const maps = new ConfigMaps(cluster)
  const ids = [await maps.create('a')]
  await bridge.expectIds('noted', ids)
  const watches = cluster.requests.filter(({ query }) => query.includes('watch=1')).length

  await bridge.writeKubeconfig('first', 'clusters: [')
  await until(() => expect(process.out).toContain('the kubeconfig was changed and cannot be used'))
  ids.push(await maps.update('a', { n: '0' }))
  await bridge.expectIds('noted', ids)

  // another user, as far as the file goes
  await bridge.writeKubeconfig('first', cluster.kubeconfig().replaceAll('first', 'other'))
  for (let n = 1; n < 40; n++) ids.push(await maps.update('a', { n: `${n}` }))
  await isOpen(cluster, watches + 1)
  ids.push(await maps.remove('a'))
  await bridge.expectIds('noted', ids)
})

test('kubeconfigs that are dropped into the folder of clusters are watched', async () => {
  const cluster = await playground('second')
  const bridge = await Bridge.open({ clusters: {}, settings: { clustersFrom: './clusters' } })
  await mkdir(join(bridge.folder, 'clusters'))
  await bridge.writeFunction('noted')
  const process = await bridge.start('start')
  await writeFile(join(bridge.folder, 'clusters', 'second.yaml'), cluster.kubeconfig())
  await isOpen(cluster)
  await process.ready()
  const ids = [await new ConfigMaps(cluster).create('a')]
  await bridge.expectIds('noted', ids)
  expect(bridge.told()[0]).toMatchObject({ cluster: 'second' })
  await rm(join(bridge.folder, 'clusters', 'second.yaml'))
  await until(() => expect(process.out).toContain('cluster is not configured any more'))
})

test('sinks and their triggers are added, moved and withdrawn while it runs', async () => {
  const [cluster, bus] = [await playground(), await startBus({ buses: ['one', 'two'] })]
  onTestFinished(() => bus.close())
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  const process = await bridge.start('start')
  const maps = new ConfigMaps(cluster)
  const send = (name: string) =>
    configure(bridge, (config) => {
      config.sinks = { audit: { eventbridge: { bus: name, region: 'eu-west-1', endpoint: bus.url } } }
      config.triggers = { 'maps-to-audit': { gvk: 'v1/ConfigMap', namespaces: ['default'], to: 'audit' } }
    })
  const sent = () => bus.events.map(({ bus: name, detail }) => `${name} ${detail.id}`)

  await send('one')
  await isOpen(cluster)
  await process.ready()
  const first = await maps.create('a')
  await until(() => expect(sent()).toEqual([`one ${first}`]))

  await send('two')
  // when the former sink has gone, what comes goes to the new one; until then to either of them, once
  let ids: string[] = []
  await until(async () => {
    ids = [...ids, await maps.update('a', { n: `${ids.length}` })]
    await until(() => expect(bus.events.map(({ detail }) => detail.id)).toContain(ids.at(-1)))
    expect(sent()).toContain(`two ${ids.at(-1)}`)
  })
  expect(bus.events.map(({ detail }) => detail.id)).toEqual([first, ...ids])

  await configure(bridge, (config) => {
    config.sinks = {}
    config.triggers = {}
  })
  await until(() => expect(process.out).toContain('trigger withdrawn; its deltas are kept for a while'))
})
