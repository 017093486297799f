import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keptBytes, NoObject, objectKey, readObject } from '../../watcher/object.ts'
import { documents, fuzzRuns } from './documents.ts'

const identity = (json: string) => {
  const { uid, resourceVersion, name, namespace } = readObject(Buffer.from(json))
  return { uid, resourceVersion, name, namespace }
}
const kept = (json: string, apiVersion = 'v1', kind = 'Pod') =>
  keptBytes(Buffer.from(json), apiVersion, kind).toString()

test('the identity is what JSON.parse would say', () => {
  fc.assert(
    fc.property(documents, (json) => {
      const { uid, resourceVersion, name, namespace = '' } = JSON.parse(Buffer.from(json).toString()).metadata
      expect(identity(json)).toEqual({ uid, resourceVersion, name, namespace })
    }),
    { numRuns: fuzzRuns },
  )
})

test('what is kept is the object without managedFields, with apiVersion and kind', () => {
  fc.assert(
    fc.property(documents, (json) => {
      const expected = { kind: 'Pod', apiVersion: 'v1', ...JSON.parse(Buffer.from(json).toString()) }
      delete expected.metadata.managedFields
      expect(JSON.parse(kept(json))).toEqual(expected)
    }),
    { numRuns: fuzzRuns },
  )
})

const metadata = '"metadata":{"name":"a","uid":"u","resourceVersion":"1"}'

test.each([
  ['only', '{"metadata":{"managedFields":[{"a":"}"}]},"spec":1.0}', '{"metadata":{},"spec":1.0}'],
  ['first', '{"metadata":{"managedFields":[] , "name":"a"},"spec":1.0}', '{"metadata":{"name":"a"},"spec":1.0}'],
  ['between', '{"metadata":{"a":1 , "managedFields":[], "b":2}}', '{"metadata":{"a":1, "b":2}}'],
  ['last', '{"metadata":{"a":1,"managedFields":[] }}', '{"metadata":{"a":1 }}'],
  ['in the spec', '{"metadata":{},"spec":{"managedFields":[1]}}', '{"metadata":{},"spec":{"managedFields":[1]}}'],
])('managedFields go with one comma, the rest byte for byte: %s', (_, before, after) => {
  const head = '{"kind":"Pod","apiVersion":"v1",'
  expect(kept(before)).toBe(head + after.slice(1))
  expect(kept(head + before.slice(1))).toBe(head + after.slice(1))
})

test('an object that lacks nothing is kept byte for byte, as a copy', () => {
  const json = Buffer.from(`{ "kind":"Pod" ,\t"apiVersion":"v1", "x":1e2,"y":"\\u00e9\\/é", ${metadata} }`)
  const copy = keptBytes(json, 'v1', 'Pod')
  expect(copy.equals(json)).toBe(true)
  json.fill(0)
  expect(copy.toString()).toContain('"y":"\\u00e9\\/é"')
})

test('decoys are passed over', () => {
  const json = `{"spec":{"metadata":{"uid":"evil","name":"evil"}},"uid":"evil","metadata":{"managedFields":[{"uid":"evil"}],
    "annotations":{"a":"\\"uid\\":\\"evil\\"","uid":"evil","b":"\\\\"},"ownerReferences":[{"uid":"evil","name":"evil"}],
    "uid":"u","generateName":"evil","name":"a","resourceVersion":"1"}}`
  expect(identity(json)).toEqual({ uid: 'u', resourceVersion: '1', name: 'a', namespace: '' })
})

test('keys and values may be escaped in any way', () => {
  const json = '{"m\\u0065tadata":{"u\\u0069d":"\\u0075","n\\u0061me":"a\\u0000\\"b","resourceVersion":"\\u0031"}}'
  expect(identity(json)).toEqual({ uid: 'u', resourceVersion: '1', name: 'a\u0000"b', namespace: '' })
  expect(kept('{"metadata":{"managed\\u0046ields":[1],"a":2},"k\\u0069nd":"X","apiVersion":"y"}')).toBe(
    '{"metadata":{"a":2},"k\\u0069nd":"X","apiVersion":"y"}',
  )
})

test('a repeated key is one of the two, never a third', () => {
  const { uid } = identity('{"metadata":{"uid":"one","uid":"two","name":"a","resourceVersion":"1"}}')
  expect(['one', 'two']).toContain(uid)
})

test('the key of an object of the whole cluster is its name', () => {
  expect(objectKey({ namespace: '', name: 'n1' })).toBe('n1')
  expect(objectKey({ namespace: 'shop', name: 'web' })).toBe('shop/web')
})

test.each([
  '{}',
  '{"spec":{}}',
  '{"metadata":{}}',
  '{"metadata":{"uid":"u","name":"a"}}',
  '{"metadata":{"uid":"","name":"a","resourceVersion":"1"}}',
])('without uid, name or resourceVersion there is no object: %s', (json) => {
  expect(() => readObject(Buffer.from(json))).toThrow(NoObject)
})

test.each([
  '',
  'null',
  '[]',
  '"metadata"',
  '{"metadata":null}',
  '{"metadata":[]}',
  '{"metadata":{"uid":5}}',
  '{metadata:1}',
  '{"a"',
])('what is no JSON object is a SyntaxError: %s', (json) => {
  expect(() => readObject(Buffer.from(json))).toThrow(SyntaxError)
})

test('control characters in a string are no JSON', () => {
  const json = '{"metadata":{"uid":"a\u0001b","name":"a","resourceVersion":"1"}}'
  expect(() => identity(json)).toThrow(SyntaxError)
})

test('a cut object is never kept', () => {
  const json = `{"kind":"Pod","apiVersion":"v1",${metadata},"spec":{"a":[{"b":"}"}]}}`
  for (let end = 0; end < json.length; end++) expect(() => kept(json.slice(0, end)), `${end}`).toThrow()
  expect(() => kept(`${json},{}`)).toThrow(SyntaxError)
  expect(() => kept('{}')).toThrow(NoObject)
})

test('an object of 1.5 MB is read and kept', () => {
  const data = { x: '日"\\'.repeat(250_000) }
  const json = JSON.stringify({ data, metadata: { managedFields: [], name: 'a', uid: 'u', resourceVersion: '1' } })
  expect(Buffer.byteLength(json)).toBeGreaterThan(1_500_000)
  expect(identity(json)).toMatchObject({ uid: 'u', name: 'a' })
  expect(JSON.parse(kept(json)).data).toEqual(data)
})

test('nesting of any depth is passed over without recursion', () => {
  const deep = '['.repeat(200_000) + ']'.repeat(200_000)
  expect(identity(`{"spec":${deep},${metadata}}`).uid).toBe('u')
})
