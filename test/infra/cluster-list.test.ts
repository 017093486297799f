import { expect, test } from 'vitest'
import { type Anything, configMaps, get, openCluster, putConfigMap } from './cluster-client.ts'

const namesOf = (list: Anything) => list.items.map(({ metadata }) => metadata.name)

test('pages show the moment of the first one', async () => {
  const cluster = await openCluster()
  for (const name of ['a', 'b', 'c']) await putConfigMap(cluster, name)
  const first = (await get(cluster, `${configMaps}?limit=1`)).body
  expect(first.metadata.remainingItemCount).toBe(2)
  await cluster.request('DELETE', `${configMaps}/b`)
  await putConfigMap(cluster, 'bb')
  const second = (await get(cluster, `${configMaps}?limit=5&continue=${first.metadata.continue}`)).body
  expect([first, second].map(namesOf)).toEqual([['a'], ['b', 'c']])
  expect(second.metadata).toEqual({ resourceVersion: first.metadata.resourceVersion })
})

test('after compaction a next page is 410, with a token that goes on from what there is', async () => {
  const cluster = await openCluster()
  for (const name of ['a', 'b']) await putConfigMap(cluster, name)
  const first = (await get(cluster, `${configMaps}?limit=1`)).body
  await putConfigMap(cluster, 'c')
  cluster.compact()
  const { status, body } = await get(cluster, `${configMaps}?limit=1&continue=${first.metadata.continue}`)
  expect([status, body.reason]).toEqual([410, 'Expired'])
  expect(body.message).toMatch(/^The provided continue parameter is too old to display a consistent list result/)
  expect(namesOf((await get(cluster, `${configMaps}?continue=${body.metadata.continue}`)).body)).toEqual(['b', 'c'])
})

test('a list at a resourceVersion is exact with a limit, and at least as new without', async () => {
  const cluster = await openCluster()
  const { resourceVersion } = (await putConfigMap(cluster, 'a')).metadata
  await putConfigMap(cluster, 'b')
  const list = async (query: string) =>
    namesOf((await get(cluster, `${configMaps}?resourceVersion=${resourceVersion}${query}`)).body)
  expect(await list('')).toEqual(['a', 'b'])
  expect(await list('&resourceVersionMatch=NotOlderThan&limit=9')).toEqual(['a', 'b'])
  expect(await list('&limit=9')).toEqual(['a'])
  expect(await list('&resourceVersionMatch=Exact')).toEqual(['a'])
  cluster.compact()
  expect((await get(cluster, `${configMaps}?resourceVersion=${resourceVersion}&limit=9`)).body).toMatchObject({
    code: 410,
    message: 'The resourceVersion for the provided list is too old.',
  })
})

test.each([
  ['resourceVersion=99999', 504, /^Timeout: Too large resource version: 99999, current: \d+$/],
  ['resourceVersion=abc', 400, /^invalid resource version: resourceVersion: Invalid value: "abc"/],
  ['resourceVersionMatch=Exact', 422, /resourceVersionMatch is forbidden unless resourceVersion is provided$/],
  [
    'resourceVersionMatch=Exact&resourceVersion=0',
    422,
    /resourceVersionMatch "exact" is forbidden for resourceVersion "0"$/,
  ],
  ['sendInitialEvents=true', 422, /sendInitialEvents is forbidden for list$/],
  ['continue=abc', 400, /^invalid continue token: continue key is not valid/],
  ['labelSelector=a==!b', 400, /^unable to parse requirement/],
  [
    'fieldSelector=spec.foo=1',
    400,
    /^"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"$/,
  ],
])('a list with %s is refused with %i', async (query, status, message) => {
  const cluster = await openCluster()
  const answer = await get(cluster, `${configMaps}?${query}`)
  expect(answer.status).toBe(status)
  expect(answer.body.message).toMatch(message)
})

test.each([
  ['labelSelector=app', ['a', 'b']],
  ['labelSelector=!app', ['c']],
  ['labelSelector=app=x', ['a']],
  ['labelSelector=app!=x', ['b', 'c']],
  ['labelSelector=app in (x,y),tier', ['b']],
  ['labelSelector=app notin (x)', ['b', 'c']],
  ['fieldSelector=metadata.name=a', ['a']],
  ['fieldSelector=metadata.name!=a,metadata.namespace=default', ['b', 'c']],
])('%s selects %j', async (query, names) => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a', { labels: { app: 'x' } })
  await putConfigMap(cluster, 'b', { labels: { app: 'y', tier: 'web' } })
  await putConfigMap(cluster, 'c')
  expect(namesOf((await get(cluster, `${configMaps}?${encodeURI(query)}`)).body)).toEqual(names)
})

test('a list can be of metadata alone, or a table for people', async () => {
  const cluster = await openCluster()
  await putConfigMap(cluster, 'a')
  const as = (form: string) =>
    get(cluster, configMaps, { accept: `application/json;as=${form};v=v1;g=meta.k8s.io,application/json` })
  const { body } = await as('PartialObjectMetadataList')
  expect(body).toMatchObject({ kind: 'PartialObjectMetadataList', items: [{ kind: 'PartialObjectMetadata' }] })
  expect(body.items[0].data).toBeUndefined()
  expect((await as('Table')).body).toMatchObject({ kind: 'Table', rows: [{ cells: ['a', 1, expect.any(String)] }] })
})

test('a list of a namespace that is not there is empty', async () => {
  const cluster = await openCluster()
  expect((await get(cluster, '/api/v1/namespaces/no/configmaps')).body.items).toEqual([])
})
