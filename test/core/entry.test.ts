import { expect, test } from 'vitest'
import { decodeEntry, type Entry, encodeEntry, mailboxOf } from '../../core/queue/entry.ts'

const entry: Entry = {
  payload: 'batch/0',
  old: '',
  id: 'u.5',
  type: 'Added',
  cluster: 'prod-eu',
  gvk: 'apps/v1/Deployment',
  namespace: 'shop',
  name: 'we\nb\u2028日本',
  uid: 'u',
  resourceVersion: '5',
  resource: { group: 'apps', version: 'v1', resource: 'deployments' },
  hash: 'h',
  observedAt: '2026-01-01T00:00:00.000Z',
}

test('an entry survives Redis', () => {
  for (const one of [
    entry,
    { ...entry, old: 'other/3', type: 'Updated' as const, changed: ['spec.a', "x['\n']"] },
    { ...entry, payload: '', type: 'Deleted' as const, finalStateUnknown: true as const, reason: 'Replaced' },
  ])
    expect(decodeEntry(encodeEntry(one))).toEqual(one)
})

test('the references stand before the first two newlines, where the scripts read them', () => {
  expect(encodeEntry({ ...entry, old: 'a/1' })).toMatch(/^batch\/0\na\/1\n\{[^\n]*\}$/)
})

test('an object’s line is its name’s: another uid is the same line, another version too', () => {
  const { resource } = entry
  expect(mailboxOf('c1', resource, 'shop/web')).toBe('c1/apps/deployments/shop/web')
  expect(mailboxOf('c1', { ...resource, version: 'v2' }, 'shop/web')).toBe(mailboxOf('c1', resource, 'shop/web'))
  expect(mailboxOf('c2', resource, 'shop/web')).not.toBe(mailboxOf('c1', resource, 'shop/web'))
})
