import { expect, test } from 'vitest'
import { apiVersionOf, pathOf, type Query, selectorHash, selectorsOf, streamId } from '../../watcher/query.ts'

const query: Query = {
  clusterId: 'c1',
  resource: { group: 'apps', version: 'v1', resource: 'deployments' },
  kind: 'Deployment',
  namespaced: true,
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  keepsOld: false,
  startsFor: '',
}
const core: Query = { ...query, resource: { group: '', version: 'v1', resource: 'pods' }, kind: 'Pod' }

test('equal queries are one stream', () => {
  expect(streamId({ ...query })).toBe(streamId(query))
  expect(streamId(query)).toMatch(/^[0-9a-f]{20}$/)
})

test.each([
  { clusterId: 'c2' },
  { resource: { ...query.resource, group: 'extensions' } },
  { resource: { ...query.resource, resource: 'replicasets' } },
  { namespace: 'shop' },
  { labelSelector: 'a=b' },
  { fieldSelector: 'a=b' },
  { keepsOld: true },
  { startsFor: '7' },
])('another %o is another stream', (other) => {
  expect(streamId({ ...query, ...other })).not.toBe(streamId(query))
})

test('only a selector is part of the ids, and label and field selectors are not confused', () => {
  expect(selectorHash(query)).toBe('')
  const hashes = [
    { labelSelector: 'a=b' },
    { fieldSelector: 'a=b' },
    { labelSelector: 'a=b', fieldSelector: 'a=b' },
  ].map((selectors) => selectorHash({ ...query, ...selectors }))
  expect(new Set(hashes).size).toBe(3)
  for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{8}$/)
})

test('paths are the API server’s', () => {
  expect(pathOf(query)).toBe('/apis/apps/v1/deployments')
  expect(pathOf({ ...query, namespace: 'shop' })).toBe('/apis/apps/v1/namespaces/shop/deployments')
  expect(pathOf(core)).toBe('/api/v1/pods')
  expect(pathOf({ ...core, namespace: 'a/../b' })).toBe('/api/v1/namespaces/a%2F..%2Fb/pods')
  expect([query, core].map(({ resource }) => apiVersionOf(resource))).toEqual(['apps/v1', 'v1'])
})

test('selectors are sent as they were written', () => {
  const selectors = selectorsOf({ ...query, labelSelector: 'app in (a,b),!c', fieldSelector: 'spec.nodeName=n&1' })
  expect(String(selectors)).toBe('labelSelector=app+in+%28a%2Cb%29%2C%21c&fieldSelector=spec.nodeName%3Dn%261')
  expect(String(selectorsOf(query))).toBe('')
})
