import { expect, test } from 'vitest'
import { payloadOf } from '../../watcher/redact.ts'

const secret = {
  metadata: {
    name: 's',
    managedFields: [{ manager: 'kubectl' }],
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"stringData":{"a":"hunter2"}}', note: 'kept' },
  },
  data: { a: 'aHVudGVyMg==', __proto__x: 'hunter2' },
  stringData: { b: 'hunter2' },
  type: 'Opaque',
}

test('no value of a Secret gets through, its keys do', () => {
  const text = payloadOf(Buffer.from(JSON.stringify(secret)), 'v1', 'Secret').toString()
  expect(text).not.toMatch(/hunter2|aHVudGVyMg/)
  expect(JSON.parse(text)).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 's',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '[redacted]', note: 'kept' },
    },
    data: { a: '[redacted]', __proto__x: '[redacted]' },
    stringData: { b: '[redacted]' },
    type: 'Opaque',
  })
})

test.each([
  ['an escaped key', '{"metadata":{},"d\\u0061ta":{"a":"hunter2"}}'],
  ['a repeated key', '{"metadata":{},"data":{"a":"hunter2"},"data":{"b":"hunter2"}}'],
  ['a key called __proto__', '{"metadata":{},"data":{"__proto__":"hunter2"}}'],
  ['data that is no map', '{"metadata":{},"data":"hunter2"}'],
  ['a list of values', '{"metadata":{},"data":["hunter2"]}'],
])('neither by %s', (_, json) => {
  const text = payloadOf(Buffer.from(json), 'v1', 'Secret').toString()
  expect(text).not.toContain('hunter2')
  expect(text).toContain('[redacted]')
})

test('a Secret without values is a Secret', () => {
  const json = '{"kind":"Secret","apiVersion":"v1","metadata":{"annotations":null},"data":null}'
  expect(payloadOf(Buffer.from(json), 'v1', 'Secret').toString()).toBe(json)
})

test('a Secret that cannot be read is not let through, and not quoted either', () => {
  expect(() => payloadOf(Buffer.from('{"data":{"a":hunter2}}'), 'v1', 'Secret')).toThrow(
    new SyntaxError('a Secret that is no JSON'),
  )
})

test('what is no Secret of the core group keeps its values', () => {
  const json = '{"kind":"Secret","apiVersion":"example.com/v1","metadata":{},"data":{"a":"b"}}'
  expect(payloadOf(Buffer.from(json), 'example.com/v1', 'Secret').toString()).toBe(json)
})
