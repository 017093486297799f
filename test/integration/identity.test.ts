import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { Bridge, playground, until } from '../support/bridge.ts'
import { deltabridge } from '../support/cli.ts'
import { ConfigMaps } from '../support/config-maps.ts'

test('another cluster behind the same name is told nothing of, until it is accepted; then the difference is', async () => {
  const [former, other] = [await playground(), await playground()]
  const bridge = await Bridge.open({ clusters: { first: former.kubeconfig() } })
  await bridge.writeFunction('noted')
  const process = await bridge.start('start')
  const ids = [await new ConfigMaps(former).create('a')]
  await bridge.expectIds('noted', ids)
  const there = await new ConfigMaps(other).create('b')
  await bridge.writeKubeconfig('first', other.kubeconfig())
  await until(async () =>
    expect(await process.problems()).toMatch(/^first: Unreachable: IdentityChanged: another cluster/),
  )

  await until(async () => {
    const { clusters } = JSON.parse((await deltabridge(bridge.folder, 'status', '--json')).out)
    expect(clusters).toMatchObject([{ name: 'first', state: 'Unreachable', reason: 'IdentityChanged' }])
  })
  const accept = (...args: readonly string[]) => deltabridge(bridge.folder, 'cluster', 'accept', ...args)
  expect(bridge.ids('noted')).toEqual(ids)
  expect(await accept('frist')).toMatchObject({ code: 1, err: expect.stringContaining('did you mean first?') })
  expect(await accept('first', '--json')).toMatchObject({ code: 0, out: expect.stringContaining('"accepted":true') })
  expect(await accept('first')).toMatchObject({ code: 0, out: expect.stringContaining('nothing to accept') })
  await process.ready()
  await bridge.expectIds('noted', [...ids, `${ids[0]!.split('.')[0]}.deleted`, `${there}.r1`])
})

test('a cluster that is configured under another name goes on from where it was', async () => {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted')
  const dispatcher = await bridge.start('dispatcher')
  const before = await bridge.start('watcher')
  const maps = new ConfigMaps(cluster)
  const ids = [await maps.create('a'), await maps.create('b')]
  await bridge.expectIds('noted', ids)
  await before.stop()
  ids.push(await maps.remove('a'))
  const file = join(bridge.folder, 'deltabridge.yaml')
  const { clusters, ...rest } = parse(await readFile(file, 'utf8'))
  await writeFile(file, stringify({ ...rest, clusters: { second: clusters.first } }))
  const after = await bridge.start('watcher')
  ids.push(await maps.update('b', { n: '1' }))
  await bridge.expectIds('noted', ids)
  expect(after.out).toContain('cluster goes by another name now')
  expect(bridge.told().map((one) => one.cluster)).toEqual(['first', 'first', 'second', 'second'])
  await dispatcher.stop()
})
