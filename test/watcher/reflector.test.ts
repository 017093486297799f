import { beforeEach, expect, test } from 'vitest'
import { deltaId } from '../../watcher/delta-id.ts'
import { Draft, Known } from '../../watcher/known.ts'
import { deleted, missing, seen } from '../../watcher/reflector.ts'

let draft: Draft
beforeEach(() => {
  draft = new Draft(new Known())
})

const object = (uid: string, resourceVersion: string, name = 'web', namespace = 'shop') => ({
  uid,
  resourceVersion,
  name,
  namespace,
  bytes: Buffer.from('{}'),
})
const told = (changes: readonly { type: string; uid: string }[]) => changes.map(({ type, uid }) => `${type} ${uid}`)

test('the same event twice is one delta', () => {
  expect(told(seen(draft, object('u', '5'), 0))).toEqual(['Added u'])
  expect(seen(draft, object('u', '5'), 0)).toEqual([])
})

test('an unknown object is Added and a known one Updated, whatever the frame called it', () => {
  seen(draft, object('u', '5'), 0)
  expect(seen(draft, object('u', '10'), 0)).toMatchObject([{ type: 'Updated', resourceVersion: '10', since: '5' }])
})

test('what is not newer than what is known says nothing, by number and not by text', () => {
  seen(draft, object('u', '10'), 0)
  expect(seen(draft, object('u', '9'), 0)).toEqual([])
  expect(draft.get('u')?.resourceVersion).toBe('10')
  expect(told(seen(draft, object('u', '100000000000000000000'), 0))).toEqual(['Updated u'])
  expect(seen(draft, object('u', '99999999999999999999'), 0)).toEqual([])
})

test('where resourceVersions are no numbers, another one is newer', () => {
  seen(draft, object('u', 'b'), 0)
  expect(told(seen(draft, object('u', 'a'), 0))).toEqual(['Updated u'])
  expect(seen(draft, object('u', 'a'), 0)).toEqual([])
  expect(told(deleted(draft, object('u', '0')))).toEqual(['Deleted u'])
})

test('after a rewind the lower resourceVersion of a list is the present one', () => {
  seen(draft, object('u', '10'), 0)
  expect(seen(draft, object('u', '7'), 1, { rewound: true })).toMatchObject([{ type: 'Updated', since: '10', n: 1 }])
  expect(seen(draft, object('u', '7'), 1, { rewound: true })).toEqual([])
  expect(draft.get('u')).toMatchObject({ resourceVersion: '7', since: '10', n: 0 })
})

test('a deletion of an unknown object is nothing', () => {
  expect(deleted(draft, object('u', '5'))).toEqual([])
})

test('a deletion older than what is known comes late, and is nothing', () => {
  seen(draft, object('u', '10'), 0)
  expect(deleted(draft, object('u', '9'))).toEqual([])
  expect(told(deleted(draft, object('u', '10')))).toEqual(['Deleted u'])
})

test('Deleted carries the final state and the resourceVersion of the deletion', () => {
  seen(draft, object('u', '5'), 2)
  const last = object('u', '12')
  expect(deleted(draft, last)).toEqual([
    {
      type: 'Deleted',
      uid: 'u',
      key: 'shop/web',
      resourceVersion: '12',
      since: '5',
      n: 2,
      object: last,
      before: '',
    },
  ])
  expect(draft.uidOf('shop/web')).toBeUndefined()
})

test('a finalizer at work is an Updated; Deleted comes with DELETED', () => {
  seen(draft, object('u', '5'), 0)
  expect(told(seen(draft, object('u', '6'), 0))).toEqual(['Updated u'])
  expect(told(deleted(draft, object('u', '7')))).toEqual(['Deleted u'])
})

test('what is created and deleted within one batch is told in order', () => {
  expect(told([...seen(draft, object('u', '5'), 0), ...deleted(draft, object('u', '6'))])).toEqual([
    'Added u',
    'Deleted u',
  ])
  expect([...draft.puts(), ...draft.deletes()]).toEqual([])
})

test('recreated under its name, the old one is Deleted before the new one is Added', () => {
  seen(draft, object('old', '5'), 0)
  const changes = seen(draft, object('new', '9'), 0)
  expect(told(changes)).toEqual(['Deleted old', 'Added new'])
  expect(changes[0]).toMatchObject({ reason: 'Replaced', finalStateUnknown: true, resourceVersion: '5' })
  expect(draft.uidOf('shop/web')).toBe('new')
  expect(deleted(draft, object('old', '8'))).toEqual([])
  expect(draft.uidOf('shop/web')).toBe('new')
})

test('the same name elsewhere is another object', () => {
  seen(draft, object('a', '5', 'web', 'shop'), 0)
  expect(told(seen(draft, object('b', '6', 'web', 'test'), 0))).toEqual(['Added b'])
  expect(told(seen(draft, object('c', '7', 'web', ''), 0))).toEqual(['Added c'])
})

test('what a list lacks is Deleted with what was known, once', () => {
  draft.put('u', { key: 'shop/web', resourceVersion: '5', since: '3', n: 1, payload: 'b/0' })
  expect(missing(draft, 'u', 'MissedWhileDisconnected')).toEqual([
    {
      type: 'Deleted',
      uid: 'u',
      key: 'shop/web',
      resourceVersion: '5',
      since: '3',
      n: 1,
      reason: 'MissedWhileDisconnected',
      finalStateUnknown: true,
      before: 'b/0',
    },
  ])
  expect(missing(draft, 'u', 'MissedWhileDisconnected')).toEqual([])
})

test('an Updated refers to the payload known before', () => {
  draft.put('u', { key: 'shop/web', resourceVersion: '5', since: '5', n: 0, payload: 'b/0' })
  expect(seen(draft, object('u', '6'), 0)).toMatchObject([{ before: 'b/0' }])
  expect(deleted(draft, object('u', '7'))).toMatchObject([{ before: 'b/0' }])
})

test('under a selector an Updated of a relist is a new entry, with the rewinds of now', () => {
  seen(draft, object('u', '5'), 0)
  expect(seen(draft, object('u', '8'), 1, { reentered: true })).toMatchObject([{ type: 'Updated', since: '8', n: 1 }])
  expect(deleted(draft, object('u', '9'))).toMatchObject([{ since: '8', n: 1 }])
})

test.each([
  ['Added', 0, '', 'u.9'],
  ['Updated', 0, '', 'u.9'],
  ['Deleted', 0, '', 'u.deleted'],
  ['Added', 0, 'abcdef01', 'u.9.abcdef01'],
  ['Deleted', 0, 'abcdef01', 'u.deleted.3.abcdef01'],
  ['Added', 2, '', 'u.9.r2'],
  ['Deleted', 2, '', 'u.deleted.r2'],
  ['Deleted', 2, 'abcdef01', 'u.deleted.3.abcdef01.r2'],
] as const)('the id of %s after %i rewinds, selector %j, is %s', (type, n, selector, id) => {
  expect(deltaId({ type, uid: 'u', key: 'k', resourceVersion: '9', since: '3', n }, selector)).toBe(id)
})

test('an object that leaves a selector and comes back has another Deleted the second time', () => {
  const deletions = ['5', '8'].map((entered) => {
    seen(draft, object('u', entered), 0)
    const [change] = deleted(draft, object('u', `${entered}0`))
    return deltaId(change!, 'abcdef01')
  })
  expect(new Set(deletions).size).toBe(2)
})
