import { expect, test } from 'vitest'
import { decodeKnown, encodeKnown } from '../../watcher/known.ts'

test.each([
  { key: 'shop/web', resourceVersion: '5', since: '3', n: 0, payload: '' },
  { key: 'n1', resourceVersion: '123456789012345678901', since: 'opaque', n: 7, payload: 'batch/17' },
  { key: 'a\nb/日本', resourceVersion: '1', since: '1', n: 0, payload: 'b/0' },
])('what is known survives Redis: %o', (known) => {
  expect(decodeKnown(encodeKnown(known))).toEqual(known)
})

test('the payload stands where commit.lua looks for it', () => {
  const text = encodeKnown({ key: 'k', resourceVersion: '5', since: '3', n: 0, payload: 'b/0' })
  expect(text.split('\n')[3]).toBe('b/0')
})
