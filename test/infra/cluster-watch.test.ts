import { expect, test, vi } from 'vitest'
import { configMaps, get, openCluster, openWatch, putConfigMap } from './cluster-client.ts'

test('a watch tells what happened after its position, and a deletion with its own resourceVersion', async () => {
  const cluster = await openCluster()
  const { resourceVersion } = (await putConfigMap(cluster, 'a')).metadata
  await cluster.request('PATCH', `${configMaps}/a`, { data: { x: '2' } })
  const watch = openWatch(cluster, `${configMaps}?resourceVersion=${resourceVersion}`)
  await vi.waitFor(() => expect(watch.frames).toHaveLength(1))
  await cluster.request('DELETE', `${configMaps}/a`)
  await vi.waitFor(() => expect(watch.frames).toHaveLength(2))
  expect(watch.frames).toMatchObject([
    { type: 'MODIFIED', object: { kind: 'ConfigMap', data: { x: '2' } } },
    {
      type: 'DELETED',
      object: { data: { x: '2' }, metadata: { resourceVersion: String(Number(resourceVersion) + 2) } },
    },
  ])
  expect(watch.lines[0]).toMatch(
    /^{"type":"MODIFIED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name"/,
  )
})

test('an object that leaves a selector is DELETED with its old content, and ADDED when it is back', async () => {
  const cluster = await openCluster()
  const labels = (app: string) => ({ metadata: { labels: { app } } })
  const watch = openWatch(cluster, `${configMaps}?labelSelector=app%3Dx`)
  await vi.waitFor(() => expect(cluster.requests).toHaveLength(1))
  await putConfigMap(cluster, 'a', { labels: { app: 'x' } })
  const { body } = await cluster.request('PATCH', `${configMaps}/a`, labels('y'))
  await cluster.request('PATCH', `${configMaps}/a`, labels('x'))
  await vi.waitFor(() => expect(watch.frames.map(({ type }) => type)).toEqual(['ADDED', 'DELETED', 'ADDED']))
  expect(watch.frames[1]?.object.metadata).toMatchObject({
    labels: { app: 'x' },
    resourceVersion: (body as { metadata: { resourceVersion: string } }).metadata.resourceVersion,
  })
})

test('a list that is streamed ends with a marked bookmark, and goes on as a watch', async () => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a')
  const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  const watch = openWatch(cluster, `${configMaps}?${query}`)
  await vi.waitFor(() => expect(watch.frames).toHaveLength(2))
  const { resourceVersion } = (await putConfigMap(cluster, 'b')).metadata
  await vi.waitFor(() => expect(watch.frames).toHaveLength(3))
  expect(watch.frames).toMatchObject([
    { type: 'ADDED', object: { metadata: { name: 'a' } } },
    {
      type: 'BOOKMARK',
      object: {
        metadata: {
          resourceVersion: String(Number(resourceVersion) - 1),
          annotations: { 'k8s.io/initial-events-end': 'true' },
        },
      },
    },
    { type: 'ADDED', object: { metadata: { name: 'b' } } },
  ])
})

test('after compaction an old position is 410 in the stream, and a running watch goes on', async () => {
  const cluster = await openCluster()
  const { resourceVersion } = (await putConfigMap(cluster, 'a')).metadata
  const running = openWatch(cluster, `${configMaps}?resourceVersion=${resourceVersion}`)
  await putConfigMap(cluster, 'b')
  await vi.waitFor(() => expect(running.frames).toHaveLength(1))
  cluster.compact()
  const late = openWatch(cluster, `${configMaps}?resourceVersion=${resourceVersion}`)
  await vi.waitFor(() => expect(late.ended).toBe('cleanly'))
  const message = `too old resource version: ${resourceVersion} (${Number(resourceVersion) + 1})`
  expect(late.frames).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired', message } }])
  await putConfigMap(cluster, 'c')
  await vi.waitFor(() => expect(running.frames).toHaveLength(2))
})

test('positions that the history has left behind are 410, the oldest it holds is not', async () => {
  const cluster = await openCluster({ history: 2 })
  const first = (await putConfigMap(cluster, 'a')).metadata.resourceVersion
  for (const name of ['b', 'c']) await putConfigMap(cluster, name)
  const held = openWatch(cluster, `${configMaps}?resourceVersion=${first}`)
  await vi.waitFor(() => expect(held.frames.map(({ object }) => object.metadata.name)).toEqual(['b', 'c']))
  await putConfigMap(cluster, 'd')
  const lost = openWatch(cluster, `${configMaps}?resourceVersion=${first}`)
  await vi.waitFor(() => expect(lost.frames).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]))
})

test('bookmarks move a silent watch on, for those who ask for them', async () => {
  const cluster = await openCluster({ bookmarkMs: 20 })
  const asks = openWatch(cluster, `${configMaps}?allowWatchBookmarks=true`)
  const silent = openWatch(cluster, configMaps)
  await cluster.request('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  const { metadata } = (await get(cluster, configMaps)).body
  await vi.waitFor(() =>
    expect(asks.frames.at(-1)).toEqual({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: metadata.resourceVersion } },
    }),
  )
  expect(silent.frames).toEqual([])
})

test('a watch ends cleanly at its timeout, and when the server ends them all', async () => {
  const cluster = await openCluster()
  const short = openWatch(cluster, `${configMaps}?timeoutSeconds=1`)
  await vi.waitFor(() => expect(short.ended).toBe('cleanly'), 5_000)
  const long = openWatch(cluster, configMaps)
  await vi.waitFor(() => expect(cluster.requests).toHaveLength(2))
  await putConfigMap(cluster, 'a')
  await vi.waitFor(() => expect(long.frames).toHaveLength(1))
  cluster.endWatches()
  await vi.waitFor(() => expect(long.ended).toBe('cleanly'))
})

test('connections that are cut break a watch', async () => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a')
  const watch = openWatch(cluster, configMaps)
  await vi.waitFor(() => expect(watch.frames).toHaveLength(1))
  cluster.cutConnections()
  await vi.waitFor(() => expect(watch.ended).toBe('broken'))
})

test('a position in the future is silent until it is passed', async () => {
  const cluster = await openCluster()
  const { resourceVersion } = (await putConfigMap(cluster, 'a')).metadata
  const watch = openWatch(cluster, `${configMaps}?resourceVersion=${Number(resourceVersion) + 1}`)
  await vi.waitFor(() => expect(cluster.requests).toHaveLength(1))
  for (const name of ['b', 'c']) await putConfigMap(cluster, name)
  await vi.waitFor(() => expect(watch.frames.map(({ object }) => object.metadata.name)).toEqual(['c']))
})

test('a watch that is not read is ended when its buffer is full', async () => {
  const cluster = await openCluster({ watchBuffer: 20 })
  const { resourceVersion } = (await putConfigMap(cluster, 'a')).metadata
  const response = await fetch(`${cluster.url}${configMaps}?watch=1&resourceVersion=${resourceVersion}`)
  const large = 'x'.repeat(1_000_000)
  for (let n = 0; n < 60; n++) await cluster.request('PATCH', `${configMaps}/a`, { data: { n: String(n), large } })
  const lines = (await response.text()).split('\n')
  expect(lines.length).toBeLessThan(55)
})

test('a watch can show metadata alone', async () => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a')
  const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'
  const watch = openWatch(cluster, configMaps, { accept })
  await vi.waitFor(() => expect(watch.frames).toMatchObject([{ object: { kind: 'PartialObjectMetadata' } }]))
  expect(watch.frames[0]?.object.data).toBeUndefined()
})

test.each([
  ['resourceVersion=abc', 500, /^resourceVersion: Invalid value: "abc"/],
  ['sendInitialEvents=true', 422, /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan$/],
  [
    'resourceVersionMatch=NotOlderThan',
    422,
    /resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided$/,
  ],
])('a watch with %s is refused with %i before it begins', async (query, status, message) => {
  const cluster = await openCluster()
  const answer = await get(cluster, `${configMaps}?watch=1&${query}`)
  expect(answer.status).toBe(status)
  expect(answer.body.message).toMatch(message)
})
