import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Anything, configMaps, get, openCluster, putConfigMap } from './cluster-client.ts'

const deployments = '/apis/apps/v1/namespaces/default/deployments'
const spec = {
  replicas: 2,
  selector: { matchLabels: { app: 'web' } },
  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
}

test('an object is answered in the order of the real server, with who wrote it', async () => {
  const cluster = await openCluster()
  const created = await putConfigMap(cluster, 'a')
  expect(Object.keys(created)).toEqual(['kind', 'apiVersion', 'metadata', 'data'])
  expect(Object.keys(created.metadata)).toEqual([
    ...['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'managedFields'],
  ])
  expect(created.metadata.managedFields).toMatchObject([
    { manager: 'playground', operation: 'Update', fieldsV1: { 'f:data': { 'f:x': {} } } },
  ])
})

test('every write of the cluster moves the one revision by one, a removal too', async () => {
  const cluster = await openCluster()
  const first = Number((await putConfigMap(cluster, 'a')).metadata.resourceVersion)
  const other = await cluster.request<Anything>('POST', deployments, { metadata: { name: 'web' }, spec })
  await cluster.request('DELETE', `${configMaps}/a`)
  const again = await putConfigMap(cluster, 'a')
  expect([other.body, again].map(({ metadata }) => Number(metadata.resourceVersion) - first)).toEqual([1, 3])
})

test('a write that changes nothing is no write', async () => {
  const cluster = await openCluster()
  const { metadata } = await putConfigMap(cluster, 'a')
  const { body } = await cluster.request<Anything>('PATCH', `${configMaps}/a`, { data: { x: '1' } })
  expect(body.metadata).toEqual(metadata)
})

test('only what is outside metadata and status raises the generation', async () => {
  const cluster = await openCluster()
  await cluster.request('POST', deployments, { metadata: { name: 'web' }, spec })
  const generation = async (change: object, path = '') =>
    (await cluster.request<Anything>('PATCH', `${deployments}/web${path}`, change)).body.metadata.generation
  expect(await generation({ metadata: { labels: { a: 'b' } } })).toBe(1)
  expect(await generation({ status: { replicas: 1 } }, '/status')).toBe(1)
  expect(await generation({ spec: { replicas: 3 } })).toBe(2)
})

test('the status is written through its subresource alone', async () => {
  const cluster = await openCluster()
  await cluster.request('POST', deployments, { metadata: { name: 'web' }, spec, status: { replicas: 9 } })
  await cluster.request('PATCH', `${deployments}/web`, { status: { replicas: 9 } })
  expect((await get(cluster, `${deployments}/web`)).body.status).toEqual({})
  await cluster.request('PATCH', `${deployments}/web/status`, { status: { replicas: 2 } })
  expect((await get(cluster, `${deployments}/web`)).body.status).toEqual({ replicas: 2 })
})

test('the scale subresource reads and writes the replicas', async () => {
  const cluster = await openCluster()
  await cluster.request('POST', deployments, { metadata: { name: 'web' }, spec })
  const { body } = await cluster.request('PATCH', `${deployments}/web/scale`, { spec: { replicas: 5 } })
  expect(body).toMatchObject({ kind: 'Scale', spec: { replicas: 5 }, status: { selector: 'app=web' } })
  expect((await get(cluster, `${deployments}/web`)).body.spec.replicas).toBe(5)
})

test.each([
  ['POST', configMaps, { metadata: { name: 'a' } }, 409, 'AlreadyExists', 'configmaps "a" already exists'],
  [
    'POST',
    '/api/v1/namespaces/no/configmaps',
    { metadata: { name: 'a' } },
    404,
    'NotFound',
    'namespaces "no" not found',
  ],
  [
    'POST',
    configMaps,
    { metadata: {} },
    422,
    'Invalid',
    'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  ],
  [
    'POST',
    configMaps,
    { metadata: { name: 'A_' } },
    422,
    'Invalid',
    /^ConfigMap "A_" is invalid: metadata.name: Invalid value: "A_": a lowercase RFC 1123 subdomain must/,
  ],
  [
    'POST',
    configMaps,
    { metadata: { name: 'b', namespace: 'x' } },
    400,
    'BadRequest',
    'the namespace of the provided object does not match the namespace sent on the request',
  ],
  [
    'POST',
    configMaps,
    { kind: 'Secret', metadata: { name: 'b' } },
    400,
    'BadRequest',
    'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
  ],
  [
    'PUT',
    `${configMaps}/a`,
    { metadata: { name: 'a', resourceVersion: '1' } },
    409,
    'Conflict',
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  ],
  [
    'PUT',
    `${configMaps}/a`,
    { metadata: { name: 'b' } },
    400,
    'BadRequest',
    'the name of the object (b) does not match the name on the URL (a)',
  ],
  [
    'PATCH',
    `${configMaps}/a`,
    { metadata: { uid: 'c' } },
    422,
    'Invalid',
    'ConfigMap "a" is invalid: metadata.uid: Invalid value: "c": field is immutable',
  ],
  [
    'PATCH',
    `${configMaps}/a`,
    { metadata: { finalizers: ['x'] } },
    422,
    'Invalid',
    /name is neither a standard finalizer name nor is it fully qualified$/,
  ],
  [
    'PATCH',
    `${configMaps}/a`,
    [1],
    400,
    'BadRequest',
    'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
  ],
  [
    'DELETE',
    `${configMaps}/a`,
    { preconditions: { uid: 'x' } },
    409,
    'Conflict',
    /^Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition \(x\) does not match the UID in record/,
  ],
  ['DELETE', `${configMaps}/zz`, undefined, 404, 'NotFound', 'configmaps "zz" not found'],
  [
    'DELETE',
    '/api/v1/namespaces/default',
    undefined,
    403,
    'Forbidden',
    'namespaces "default" is forbidden: this namespace may not be deleted',
  ],
  [
    'POST',
    '/api/v1/configmaps',
    { metadata: { name: 'b' } },
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  ],
  ['GET', '/api/v1/nothings', undefined, 404, 'NotFound', 'the server could not find the requested resource'],
])('%s %s is refused in the words of the real server: %j', async (method, path, body, code, reason, message) => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a')
  const answer = await cluster.request<Anything>(method, path, body)
  expect(answer.body).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code })
  expect(answer.status).toBe(code)
  if (typeof message === 'string') expect(answer.body.message).toBe(message)
  else expect(answer.body.message).toMatch(message)
})

test('a patch of another kind is refused by what would be taken', async () => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a')
  const headers = { 'content-type': 'application/strategic-merge-patch+json' }
  const response = await fetch(`${cluster.url}${configMaps}/a`, { method: 'PATCH', headers, body: '{}' })
  expect(response.status).toBe(415)
  expect(await response.text()).toMatch('accepted media types include: application/merge-patch+json')
})

test('an object of 1.5 MB passes, one of 4 MB is too large', async () => {
  const cluster = await openCluster()
  const send = (size: number) =>
    fetch(`${cluster.url}${configMaps}`, {
      method: 'POST',
      body: JSON.stringify({ metadata: { name: 'large' }, data: { x: 'x'.repeat(size) } }),
      headers: { 'content-type': 'application/json' },
    })
  expect((await send(4_000_000)).status).toBe(413)
  expect((await send(1_500_000)).status).toBe(201)
  expect((await get(cluster, `${configMaps}/large`)).body.data.x).toHaveLength(1_500_000)
})

test('a wrong token is told apart from a right that was taken away', async () => {
  const cluster = await openCluster()
  expect(await get(cluster, configMaps, { authorization: 'Bearer wrong' })).toMatchObject({
    status: 401,
    body: { reason: 'Unauthorized', message: 'Unauthorized' },
  })
  cluster.forbid({ verb: 'list', resource: 'configmaps' })
  expect(await get(cluster, configMaps)).toMatchObject({
    status: 403,
    body: {
      reason: 'Forbidden',
      message:
        'configmaps is forbidden: User "first" cannot list resource "configmaps" in API group "" in the namespace "default"',
    },
  })
  expect((await get(cluster, '/api/v1/secrets')).status).toBe(200)
  expect((await cluster.request('GET', configMaps)).status).toBe(200)
  cluster.allow()
  expect((await get(cluster, configMaps)).status).toBe(200)
})

test('the kubeconfig names the cluster everywhere', async () => {
  const cluster = await openCluster({ name: 'eu', token: 'secret' })
  expect(parse(cluster.kubeconfig())).toMatchObject({
    'current-context': 'eu',
    clusters: [{ name: 'eu', cluster: { server: cluster.url } }],
    users: [{ name: 'eu', user: { token: 'secret' } }],
    contexts: [{ name: 'eu', context: { cluster: 'eu', user: 'eu' } }],
  })
})

test('aggregated discovery that did not change is not sent again', async () => {
  const cluster = await openCluster()
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
  const first = await get(cluster, '/apis', { accept })
  expect(first.headers.get('content-type')).toBe(accept)
  expect(first.body.items.map((item: Anything) => item.metadata.name)).toEqual(['apps', 'apiextensions.k8s.io'])
  const again = await get(cluster, '/apis', { accept, 'if-none-match': first.headers.get('etag') ?? '' })
  expect(again.status).toBe(304)
})

test('down is a network that is gone: the data and the port are there again afterwards', async () => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a')
  const { url } = cluster
  await cluster.down()
  await expect(get(cluster, configMaps)).rejects.toThrow('fetch failed')
  await putConfigMap(cluster, 'b')
  await cluster.up()
  expect(cluster.url).toBe(url)
  expect((await get(cluster, configMaps)).body.items).toHaveLength(2)
  expect(cluster.requests.at(-1)).toEqual({ method: 'GET', path: configMaps, query: '' })
})
