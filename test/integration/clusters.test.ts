import { describe, expect, test } from 'vitest'
import { Bridge, isWatched, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

describe('a cluster that cannot be reached', () => {
  const faults: Record<string, readonly [spoil: (kubeconfig: string) => string | undefined, message: RegExp]> = {
    'whose kubeconfig is not there': [() => undefined, /second\.kubeconfig/],
    'whose context is not in its kubeconfig': [
      (kubeconfig) => kubeconfig.replaceAll('second', 'other'),
      /context.*second/,
    ],
  }
  test.each(Object.entries(faults))(
    '%s is told; the other goes on, and so does this one when mended',
    async (_, [spoil, message]) => {
      const [first, second] = [await playground('first'), await playground('second')]
      const bridge = await Bridge.open({
        clusters: { first: first.kubeconfig() },
        settings: {
          clusters: {
            first: { kubeconfig: './first.kubeconfig' },
            second: { kubeconfig: './second.kubeconfig', context: 'second' },
          },
          readiness: 'all',
        },
      })
      const spoiled = spoil(second.kubeconfig())
      if (spoiled !== undefined) await bridge.writeKubeconfig('second', spoiled)
      await bridge.writeFunction('noted')
      const process = bridge.launch('start')
      await until(async () => expect(await process.problems()).toMatch(/^second: Unreachable: .*\n$/))
      expect(process.log).toContainEqual(
        expect.objectContaining({
          cluster: 'second',
          msg: 'cluster cannot be reached; trying again',
          err: expect.stringMatching(message),
        }),
      )
      await until(() => expect(isWatched(first)).toBe(true))
      const ids = [await new ConfigMaps(first).create('a')]
      await bridge.expectIds('noted', ids)

      await bridge.writeKubeconfig('second', second.kubeconfig())
      await process.ready()
      ids.push(await new ConfigMaps(second).create('b'))
      await bridge.expectIds('noted', ids)
    },
  )

  test('because it is down works when it comes up; the others never notice', async () => {
    const [first, second] = [await playground('first'), await playground('second')]
    const clusters = { first: first.kubeconfig(), second: second.kubeconfig() }
    await second.down()
    const bridge = await Bridge.open({ clusters })
    await bridge.writeFunction('noted')
    const { watcher } = await bridge.startBoth()
    await until(() =>
      expect(watcher.log).toContainEqual(expect.objectContaining({ cluster: 'second', reason: 'ConnectionRefused' })),
    )
    const ids = [await new ConfigMaps(first).create('a')]
    await bridge.expectIds('noted', ids)

    await second.up()
    await until(() => expect(isWatched(second)).toBe(true))
    await watcher.ready()
    ids.push(await new ConfigMaps(second).create('b'))
    await bridge.expectIds('noted', ids)

    await second.down()
    // noticed, and told, but no reason to take the watcher for broken
    await until(() =>
      expect(watcher.log).toContainEqual(
        expect.objectContaining({ cluster: 'second', msg: 'watch failed; trying again', reason: 'ConnectionRefused' }),
      ),
    )
    await watcher.ready(2_000)
    ids.push(await new ConfigMaps(first).create('c'), await new ConfigMaps(second).remove('b'))
    await bridge.expectIds('noted', ids.slice(0, 3))
    await second.up()
    await bridge.expectIds('noted', ids)
  })
})

test('a kind that the cluster does not serve is told and waited for, and watched once it is served', async () => {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('widgets', { gvk: 'example.com/v1/Widget', filter: {} })
  await bridge.writeFunction('noted')
  await bridge.start('dispatcher')
  const watcher = bridge.launch('watcher')
  await until(async () =>
    expect(await watcher.problems()).toMatch(
      /^first: example\.com\/v1\/Widget: NotFound: .*which trigger widgets wants; waiting for it\n$/,
    ),
  )
  expect(watcher.log).toContainEqual(
    expect.objectContaining({ gvk: 'example.com/v1/Widget', msg: 'kind cannot be watched yet' }),
  )
  await bridge.expectIds('noted', [await new ConfigMaps(cluster).create('a')])

  await cluster.request('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgets)
  await watcher.ready(10_000)
  const { status } = await cluster.request('POST', '/apis/example.com/v1/namespaces/default/widgets', {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w' },
  })
  expect(status).toBe(201)
  await until(() => expect(bridge.told('widgets')).toMatchObject([{ type: 'Added', name: 'w' }]))
  expect(bridge.told('widgets')[0]?.initial).toBeUndefined()
})

const widgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}
