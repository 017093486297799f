import { describe, expect, test } from 'vitest'
import { Bridge, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

const group = 'example.com'

function definition(versions: readonly string[]): object {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: versions.map((name, i) => ({ name, served: true, storage: i === 0, schema })),
    },
  }
}

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

async function open(gvk: string, filter: object = {}) {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted', { gvk, filter, note: '{ gvk: delta.gvk, object: delta.object }' })
  const process = await bridge.start('start')
  const create = async (version: string, name: string) => {
    const path = `/apis/${group}/${version}/namespaces/default/widgets`
    const body = { apiVersion: `${group}/${version}`, kind: 'Widget', metadata: { name } }
    expect((await cluster.request('POST', path, body)).status).toBe(201)
  }
  const watches = (path: string) =>
    cluster.requests.filter((one) => one.path === path && one.query.includes('watch=1')).length
  return { cluster, bridge, process, create, watches }
}

describe('a wildcard', () => {
  test('delivers what happens to every kind, and to one that is defined later within two seconds', async () => {
    const { cluster, bridge, create, watches } = await open('*', { namespaces: ['default'] })
    await until(() => expect(watches('/api/v1/namespaces/default/configmaps')).toBeGreaterThan(0))
    await new ConfigMaps(cluster).create('a')
    await until(() =>
      expect(bridge.told()).toMatchObject([{ type: 'Added', name: 'a', note: { gvk: 'v1/ConfigMap' } }]),
    )
    await until(() => expect(watches(definitions)).toBeGreaterThan(0))
    const from = performance.now()
    await cluster.request('POST', definitions, definition(['v1']))
    await until(() => expect(watches(`/apis/${group}/v1/namespaces/default/widgets`)).toBeGreaterThan(0))
    expect(performance.now() - from).toBeLessThan(2_000)
    await until(async () => {
      await create('v1', `w${performance.now().toFixed(0)}`)
      expect(bridge.told().filter(({ name }) => name.startsWith('w')).length).toBeGreaterThan(0)
    })
  })

  test('leaves Secrets, Leases and Events alone', async () => {
    const { cluster, watches } = await open('v1/*')
    await until(() => expect(watches('/api/v1/configmaps')).toBeGreaterThan(0))
    const paths = cluster.requests.map(({ path }) => path)
    expect(paths).not.toContain('/api/v1/secrets')
    expect(paths).not.toContain('/api/v1/events')
  })
})

test('of a trigger that wants metadata only nothing else is asked for or delivered', async () => {
  const { cluster, bridge } = await open('v1/ConfigMap', { namespaces: ['default'], metadataOnly: true })
  await cluster.request('POST', '/api/v1/namespaces/default/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', labels: { app: 'web' } },
    data: { secret: 'of a kind' },
  })
  await until(() => expect(bridge.told()).toHaveLength(1))
  const [{ note } = {}] = bridge.told()
  const { object } = note as { object: Record<string, unknown> }
  expect(object).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', labels: { app: 'web' } } })
  expect(Object.keys(object).sort()).toEqual(['apiVersion', 'kind', 'metadata'])
})

test('a kind that falls out of a wildcard takes its objects along', async () => {
  const { cluster, bridge, create, watches } = await open(`${group}/*`)
  await until(() => expect(watches(definitions)).toBeGreaterThan(0))
  await cluster.request('POST', definitions, definition(['v1']))
  await until(() => expect(watches(`/apis/${group}/v1/widgets`)).toBeGreaterThan(0))
  await until(async () => {
    await create('v1', `w${performance.now().toFixed(0)}`)
    expect(bridge.told().length).toBeGreaterThan(0)
  })
  const added = await until(() => {
    const names = bridge.told().map(({ name }) => name)
    expect(names.length).toBeGreaterThan(0)
    return names
  })
  await cluster.request('DELETE', `${definitions}/widgets.${group}`)
  await until(() => {
    const gone = bridge.told().filter(({ type }) => type === 'Deleted')
    expect(gone.map(({ name }) => name)).toEqual(expect.arrayContaining(added))
  })
})
