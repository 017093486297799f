import { expect, test, vi } from 'vitest'
import { type Anything, configMaps, get, openCluster, openWatch, putConfigMap } from './cluster-client.ts'

const databases = '/apis/example.com/v1/namespaces/default/databases'
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const definition = {
  metadata: { name: 'databases.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'databases', kind: 'Database' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
}
const database = { apiVersion: 'example.com/v1', kind: 'Database', metadata: { name: 'd' }, spec: { size: 1 } }

test('a finalizer holds an object until it is taken off', async () => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a', { finalizers: ['example.com/hold'] })
  const watch = openWatch(cluster, configMaps)
  await vi.waitFor(() => expect(watch.frames).toHaveLength(1))
  await cluster.request('DELETE', `${configMaps}/a`)
  expect((await get(cluster, `${configMaps}/a`)).body.metadata.deletionTimestamp).toEqual(expect.any(String))
  await cluster.request('PATCH', `${configMaps}/a`, { metadata: { finalizers: null } })
  expect((await get(cluster, `${configMaps}/a`)).status).toBe(404)
  await vi.waitFor(() => expect(watch.frames.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']))
})

test('no finalizer is added to what is being deleted', async () => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a', { finalizers: ['example.com/hold'] })
  await cluster.request('DELETE', `${configMaps}/a`)
  const change = { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } }
  const { status, body } = await cluster.request<Anything>('PATCH', `${configMaps}/a`, change)
  expect(status).toBe(422)
  expect(body.message).toMatch('no new finalizers can be added if the object is being deleted')
})

test('a namespace goes after what is in it', async () => {
  const cluster = await openCluster()
  const inShop = '/api/v1/namespaces/shop/configmaps'
  await cluster.request('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  await cluster.request('POST', inShop, { metadata: { name: 'free' } })
  await cluster.request('POST', inShop, { metadata: { name: 'held', finalizers: ['example.com/hold'] } })
  const { body } = await cluster.request('DELETE', '/api/v1/namespaces/shop')
  expect(body).toMatchObject({ kind: 'Namespace', status: { phase: 'Terminating' } })
  expect((await get(cluster, `${inShop}/free`)).status).toBe(404)
  const late = await cluster.request<Anything>('POST', inShop, { metadata: { name: 'late' } })
  expect(late.body).toMatchObject({
    code: 403,
    message:
      'configmaps "late" is forbidden: unable to create new content in namespace shop because it is being terminated',
  })
  await cluster.request('PATCH', '/api/v1/namespaces/shop', { metadata: { labels: { a: 'b' } } })
  expect((await get(cluster, '/api/v1/namespaces/shop')).status).toBe(200)
  await cluster.request('PATCH', `${inShop}/held`, { metadata: { finalizers: [] } })
  expect((await get(cluster, '/api/v1/namespaces/shop')).status).toBe(404)
})

test('a definition serves its kind, whose objects are written by key and say what they are', async () => {
  const cluster = await openCluster()
  expect((await get(cluster, databases)).status).toBe(404)
  await cluster.request('POST', definitions, definition)
  expect((await get(cluster, '/apis/example.com/v1')).body.resources).toMatchObject([{ name: 'databases' }])
  await cluster.request('POST', databases, database)
  const { body } = await get(cluster, databases)
  expect(Object.keys(body)).toEqual(['apiVersion', 'items', 'kind', 'metadata'])
  expect(Object.keys(body.items[0])).toEqual(['apiVersion', 'kind', 'metadata', 'spec'])
  expect(Object.keys(body.items[0].metadata)).toEqual(Object.keys(body.items[0].metadata).sort())
})

test('an update of a custom resource must say what it was made from', async () => {
  const cluster = await openCluster()
  await cluster.request('POST', definitions, definition)
  await cluster.request('POST', databases, database)
  const { body } = await cluster.request<Anything>('PUT', `${databases}/d`, database)
  expect(body.message).toBe(
    'databases.example.com "d" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  )
})

test('a definition that is deleted takes its objects, then the watches, then the kind', async () => {
  const cluster = await openCluster()
  await cluster.request('POST', definitions, definition)
  await cluster.request('POST', databases, database)
  const watch = openWatch(cluster, databases)
  await vi.waitFor(() => expect(watch.frames).toHaveLength(1))
  await cluster.request('DELETE', `${definitions}/databases.example.com`)
  await vi.waitFor(() => expect(watch.ended).toBe('cleanly'))
  expect(watch.frames.map(({ type }) => type)).toEqual(['ADDED', 'DELETED'])
  expect(await get(cluster, databases)).toMatchObject({ status: 404, body: '404 page not found\n' })
  expect((await get(cluster, '/apis')).body.groups).toMatchObject([{ name: 'apps' }, { name: 'apiextensions.k8s.io' }])
})
