import fc from 'fast-check'
import { expect, test } from 'vitest'
import { changedPaths, changesOutside, parsePath, touches, valuesAt } from '../../core/changed.ts'

const paths = (...texts: string[]) => texts.map(parsePath)
const touched = (old: unknown, next: unknown, ...texts: string[]) => touches(old, next, paths(...texts))

const key = fc.constantFrom(
  'a',
  'b',
  'metadata',
  'generation',
  'constructor',
  '__proto__',
  'a.b/c',
  "it's",
  '\\',
  '',
  'x y',
  '日本',
)
const json = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(1, 2, 'x', true, null),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('any')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).any
const object = fc.array(fc.tuple(key, json), { maxLength: 4 }).map((entries) => Object.fromEntries(entries))

test('an object does not differ from itself', () => {
  fc.assert(
    fc.property(object, (one) => {
      const copy = JSON.parse(JSON.stringify(one))
      expect(changedPaths(one, copy)).toEqual([])
      expect(changesOutside(one, copy, [])).toBe(false)
    }),
  )
})

test('every changed path can be read, and is touched', () => {
  fc.assert(
    fc.property(object, object, (old, next) => {
      for (const path of changedPaths(old, next)) expect(touched(old, next, path), path).toBe(true)
    }),
  )
})

test('nothing changes outside of all that changed, and something outside of nothing', () => {
  fc.assert(
    fc.property(object, object, (old, next) => {
      const changed = changedPaths(old, next)
      expect(changesOutside(old, next, paths(...changed))).toBe(false)
      expect(changesOutside(old, next, [])).toBe(changed.length > 0)
    }),
  )
})

test('absent and present differ, both ways, also when the value is empty', () => {
  for (const value of [1, '', false, null, {}, [], { b: 1 }]) {
    expect(touched({}, { a: value }, 'a')).toBe(true)
    expect(touched({ a: value }, {}, 'a')).toBe(true)
  }
  expect(touched({ a: { b: 1 } }, {}, 'a.b')).toBe(true)
  expect(touched({}, { a: {} }, 'a.b')).toBe(false)
})

test('a path is the whole subtree below it', () => {
  expect(touched({ spec: { a: { b: 1 } } }, { spec: { a: { b: 2 } } }, 'spec')).toBe(true)
  expect(touched({ spec: { a: 1 }, status: 1 }, { spec: { a: 1 }, status: 2 }, 'spec')).toBe(false)
  expect(touched({ spec: { a: 1, b: 2 } }, { spec: { b: 2, a: 1 } }, 'spec')).toBe(false)
})

test('what moves at every write never counts, alone or below another path', () => {
  const at = (resourceVersion: string, labels = {}) => ({
    metadata: { resourceVersion, generation: Number(resourceVersion), labels },
  })
  expect(touched(at('1'), at('2'), 'metadata')).toBe(false)
  expect(touched(at('1'), at('2'), 'metadata.resourceVersion')).toBe(false)
  expect(touched(at('1'), at('2', { a: 'b' }), 'metadata')).toBe(true)
  expect(changesOutside(at('1'), at('2'), [])).toBe(false)
  expect(changedPaths(at('1'), at('2', { a: 'b' }))).toEqual(['metadata.labels.a'])
  expect(touched({ spec: { generation: 1 } }, { spec: { generation: 2 } }, 'spec')).toBe(true)
})

test('elements are found by a field, wherever they stand', () => {
  const conditions = (...list: [string, string][]) => ({
    status: { conditions: list.map(([type, status]) => ({ type, status })) },
  })
  const ready = 'status.conditions[type=Ready].status'
  expect(
    touched(conditions(['Ready', 'True'], ['Other', '1']), conditions(['Other', '2'], ['Ready', 'True']), ready),
  ).toBe(false)
  expect(touched(conditions(['Ready', 'True']), conditions(['Ready', 'False']), ready)).toBe(true)
  expect(touched(conditions(), conditions(['Ready', 'False']), ready)).toBe(true)
  expect(touched({}, conditions(['Other', '1']), ready)).toBe(false)
})

test('[*] and a key on a list mean each element', () => {
  const images = (...list: string[]) => ({ containers: list.map((image) => ({ image, env: [] })) })
  expect(valuesAt(images('a', 'b'), parsePath('containers[*].image'))).toEqual(['a', 'b'])
  expect(valuesAt(images('a', 'b'), parsePath('containers.image'))).toEqual(['a', 'b'])
  expect(touched(images('a', 'b'), images('a', 'c'), 'containers[*].image')).toBe(true)
  expect(touched(images('a'), images('a', 'a'), 'containers[*].image')).toBe(true)
})

test('ignored elements may come and go', () => {
  const conditions = (...types: string[]) => ({ c: types.map((type) => ({ type })) })
  expect(changesOutside(conditions('A'), conditions('A', 'B'), paths('c[type=B]'))).toBe(false)
  expect(changesOutside(conditions('A'), conditions('A', 'C'), paths('c[type=B]'))).toBe(true)
  expect(changesOutside({ c: [{ a: 1, t: 1 }] }, { c: [{ a: 1, t: 2 }] }, paths('c[*].t'))).toBe(false)
  expect(changesOutside({ c: [{ a: 1, t: 1 }] }, { c: [{ a: 2, t: 2 }] }, paths('c.t'))).toBe(true)
})

test('inherited properties are no fields', () => {
  expect(touched({}, {}, 'constructor')).toBe(false)
  expect(touched({}, { toString: 1 }, 'toString')).toBe(true)
  expect(changedPaths({}, JSON.parse('{"__proto__":{"a":1}}'))).toEqual(['__proto__.a'])
})

test('changed paths are leaves, sorted, a list as a whole, at most a hundred', () => {
  expect(changedPaths({ b: 1, a: [1], c: { d: 1 } }, { b: 2, a: [2], c: { d: 1, 'e.f': { g: 1 } } })).toEqual([
    'a',
    'b',
    "c['e.f'].g",
  ])
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`k${i}`, i]))
  expect(changedPaths({}, many)).toHaveLength(100)
})

test.each([
  ['spec.replicas', [{ key: 'spec' }, { key: 'replicas' }]],
  [
    "metadata.labels['app.kubernetes.io/name']",
    [{ key: 'metadata' }, { key: 'labels' }, { key: 'app.kubernetes.io/name' }],
  ],
  ["['it\\'s'][*]", [{ key: "it's" }, { each: true }]],
  ['c[type=a=b]', [{ key: 'c' }, { field: 'type', value: 'a=b' }]],
])('%s is read', (text, path) => {
  expect(parsePath(text)).toEqual(path)
})

test.each([
  ['', 'Expected a field at position 1'],
  ['a.', 'Expected a field at position 3'],
  ['a..b', 'Expected a field but found . at position 3'],
  ['a[0]', 'An index is no lasting identity'],
  ['a[x', 'Unclosed ['],
  ['a[]', 'Expected [*]'],
  ['a b', 'Expected . or [ but found'],
  ["a['b'c", 'Unclosed ['],
])('%j is refused by position', (text, message) => {
  expect(() => parsePath(text)).toThrow(message)
})
