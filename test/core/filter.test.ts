import { expect, test } from 'vitest'
import { globList, gvkMatches, staticMismatch } from '../../core/filter.ts'

test.each([
  [['web-*'], 'web-1', true],
  [['web-*'], 'a-web-1', false],
  [['*'], '', true],
  [['web-?'], 'web-1', true],
  [['web-?'], 'web-', false],
  [['web-?'], 'web-🦊', true],
  [['a.c'], 'abc', false],
  [['a+(b)[c]'], 'a+(b)[c]', true],
  [['*a*b*'], 'xxaxxbxx', true],
  [['*ab'], 'aab', true],
  [['a*a'], 'a', false],
  [['**'], 'x\ny', true],
  [['prod-*', '!prod-test'], 'prod-test', false],
  [['!prod-test', 'prod-*'], 'prod-eu', true],
  [['!prod-*'], 'test', true],
  [['!prod-*'], 'prod-eu', false],
  [[], 'anything', true],
] as const)('in the list %j, %j is %s', (patterns, name, expected) => {
  expect(globList(patterns)(name)).toBe(expected)
})

test('a hostile pattern costs no more than its length times the name’s', () => {
  const matches = globList([`${'*a'.repeat(100)}*b`])
  const before = performance.now()
  expect(matches('a'.repeat(5_000))).toBe(false)
  expect(performance.now() - before).toBeLessThan(2_000)
})

test.each([
  ['apps/v1/Deployment', 'apps/v1/Deployment', true],
  ['apps/v1/Deployment', 'apps/v1/DaemonSet', false],
  ['apps/*', 'apps/v1/Deployment', true],
  ['apps/v1/*', 'apps/v1/Deployment', true],
  ['apps/v2/*', 'apps/v1/Deployment', false],
  ['v1/*', 'v1/Pod', true],
  ['v1/*', 'apps/v1/Deployment', false],
  ['*', 'example.com/v1/Thing', true],
  ['*', 'v1/Secret', false],
  ['v1/*', 'v1/Event', false],
  ['v1/*', 'v1/Secret', false],
  ['coordination.k8s.io/*', 'coordination.k8s.io/v1/Lease', false],
  ['v1/Secret', 'v1/Secret', true],
])('%s covers %s: %s', (pattern, gvk, expected) => {
  expect(gvkMatches(pattern, gvk)).toBe(expected)
})

const tag = { gvk: 'v1/Pod', type: 'Added', cluster: 'prod-eu', namespace: 'shop', name: 'web' } as const

test.each([
  [{ gvk: ['v1/Pod'] }, undefined],
  [{ gvk: ['v1/Node'] }, 'gvk'],
  [{ gvk: ['v1/Pod'], types: ['Deleted'] }, 'types'],
  [{ gvk: ['v1/Pod'], changed: ['spec'] }, 'types'],
  [{ gvk: ['v1/Pod'], clusters: ['test-*'] }, 'clusters'],
  [{ gvk: ['v1/Pod'], namespaces: ['!shop'] }, 'namespaces'],
  [{ gvk: ['v1/Pod'], names: ['db'] }, 'names'],
] as const)('%o is refused by %s', (filter, condition) => {
  expect(staticMismatch(filter, tag)).toBe(condition)
})

test('an object of the whole cluster is in no namespace', () => {
  const { namespace: _, ...node } = { ...tag, gvk: 'v1/Node' }
  expect(staticMismatch({ gvk: ['v1/Node'], namespaces: ['shop'] }, node)).toBe('namespaces')
  expect(staticMismatch({ gvk: ['v1/Node'], namespaces: ['!shop'] }, node)).toBeUndefined()
})
