import { describe, expect, test } from 'vitest'
import { type Clustered, couldTake, leaves, surplus } from '../../watcher/spread.ts'

/** `a+` owned, `a-` away, `a` working. */
function clusters(text: string): Clustered {
  const marks = { '+': 'Owned', '-': 'Away' } as const
  return Object.fromEntries(
    text.split(' ').map((one) => {
      const mark = one.at(-1)
      return mark === '+' || mark === '-' ? [one.slice(0, -1), marks[mark]] : [one, 'Working']
    }),
  )
}

describe('a watcher that owns', () => {
  test.each([
    ['four of four gives two to one that starts', 'a+ b+ c+ d+', ['a b c d'], ['a', 'b']],
    ['one more than another keeps it', 'a+ b+ c', ['a b c+'], []],
    ['all gives nothing to one that cannot reach them', 'a+ b+ c+', ['a- b- c-'], []],
    ['all gives what another can reach', 'a+ b+ c+', ['a- b c-'], ['b']],
    ['six gives four to two', 'a+ b+ c+ d+ e+ f+', ['a b c d e f', 'a b c d e f'], ['a', 'b', 'c', 'd']],
    [
      'its fair share gives nothing, though somebody owns less',
      'a+ b+ c d e f',
      ['a b c d e f', 'a b c+ d+ e+ f+'],
      [],
    ],
    ['everything alone keeps it', 'a+ b+', [], []],
  ] as const)('%s', (_, mine, others, given) => {
    expect(surplus(clusters(mine), others.map(clusters))).toEqual(given)
  })
})

test('a free cluster is left to a working watcher that owns less', () => {
  expect(leaves('c', clusters('a+ c'), [clusters('a c')])).toBe(true)
  expect(leaves('c', clusters('a+ c'), [clusters('a c-')])).toBe(false)
  expect(leaves('c', clusters('a+ c'), [clusters('a b+ c')])).toBe(false)
})

test('only a watcher that reaches a cluster could take it', () => {
  expect(couldTake('a', [clusters('a-'), clusters('b')])).toBe(false)
  expect(couldTake('a', [clusters('a-'), clusters('a')])).toBe(true)
})
