import { expect, test } from 'vitest'
import { compareResourceVersions } from '../../watcher/resource-version.ts'

test.each([
  ['5', '5', 0],
  ['9', '10', -1],
  ['10', '9', 1],
  ['18446744073709551616', '18446744073709551615', 1],
  ['9007199254740993', '9007199254740992', 1],
  ['0', '1', -1],
  ['abc', 'abc', 0],
])('%s against %s', (a, b, sign) => {
  expect(Math.sign(compareResourceVersions(a, b)!)).toBe(sign)
})

test.each([
  ['5', 'abc'],
  ['05', '4'],
  ['-1', '1'],
  ['', '1'],
  ['1e3', '5'],
  ['5\n', '6'],
])('where one is no decimal number there is no order: %j %j', (a, b) => {
  expect(compareResourceVersions(a, b)).toBeUndefined()
})
