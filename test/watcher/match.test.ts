import { expect, test } from 'vitest'
import type { TriggerRecord } from '../../core/triggers.ts'
import { keepsOld, matcherOf } from '../../watcher/match.ts'

type Definition = TriggerRecord['definition']

const matcher = (filter: Partial<Definition>) => {
  const definition: Definition = { name: 't', gvk: ['apps/v1/Deployment'], target: { function: 't' }, ...filter }
  return matcherOf({ id: '1', name: 't', state: 'active', sinceMs: 0, hash: 'h', definition })
}
const object = (replicas: number, status = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', uid: 'u', resourceVersion: String(replicas) },
  spec: { replicas },
  status,
})

test('a trigger without conditions wants everything', () => {
  const { wants, old, from, changed } = matcher({})
  expect([wants('Added', 'shop', 'web'), wants('Deleted', '', 'n1'), old, from]).toEqual([true, true, false, 'now'])
  expect(changed(object(1), object(1))).toEqual([])
})

test('namespaces and names are globs, types a list', () => {
  const { wants } = matcher({ namespaces: ['shop-*', '!shop-test'], names: ['web'], types: ['Updated'] })
  expect(wants('Updated', 'shop-eu', 'web')).toBe(true)
  expect(wants('Updated', 'shop-test', 'web')).toBe(false)
  expect(wants('Updated', 'shop-eu', 'db')).toBe(false)
  expect(wants('Added', 'shop-eu', 'web')).toBe(false)
  expect(wants('Updated', '', 'web')).toBe(false)
})

test('with changed or ignore it is about updates, and the previous state is kept', () => {
  for (const filter of [{ changed: ['spec.replicas'] }, { ignore: ['status'] }] as const) {
    const { wants, old } = matcher(filter)
    expect([wants('Added', 'a', 'b'), wants('Updated', 'a', 'b'), old]).toEqual([false, true, true])
  }
  expect(matcher({ changed: ['spec.replicas'], types: ['Added'] }).wants('Added', 'a', 'b')).toBe(true)
  expect(
    [{ old: true }, {}].map((filter) => keepsOld({ name: 't', gvk: [], target: { function: 't' }, ...filter })),
  ).toEqual([true, false])
})

test('changed wants an update only when it touches a path, and tells all that differs', () => {
  const { changed } = matcher({ changed: ['spec.replicas'] })
  expect(changed(object(1), object(1, { ready: true }))).toBeUndefined()
  expect(changed(object(1), object(2, { ready: true }))).toEqual(['spec.replicas', 'status.ready'])
})

test('ignore wants an update only when something else differs, beyond what every write moves', () => {
  const { changed } = matcher({ ignore: ['status'] })
  const moved = {
    ...object(1, { ready: true }),
    metadata: { name: 'web', uid: 'u', resourceVersion: '9', generation: 3 },
  }
  expect(changed(object(1), moved)).toBeUndefined()
  expect(changed(object(1), object(2))).toEqual(['spec.replicas'])
})

test('changed and ignore together must both agree', () => {
  const { changed } = matcher({ changed: ['spec', 'status'], ignore: ['status'] })
  expect(changed(object(1), object(1, { ready: true }))).toBeUndefined()
  expect(changed(object(1), object(2))).toEqual(['spec.replicas'])
})
