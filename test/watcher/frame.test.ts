import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readFrame, readPage, readStatus } from '../../watcher/frame.ts'
import { NoObject } from '../../watcher/object.ts'
import { documents, fuzzRuns } from './documents.ts'

const metadata = '"metadata":{"name":"a","uid":"u","resourceVersion":"1"}'
const frame = (line: string) => readFrame(Buffer.from(line))
const page = (body: string) => readPage(Buffer.from(body))
const none = (thrown: unknown) => thrown instanceof SyntaxError || thrown instanceof NoObject

test('a frame holds the object, byte for byte, wherever its type stands', () => {
  fc.assert(
    fc.property(documents, fc.constantFrom('ADDED', 'MODIFIED', 'DELETED'), fc.nat(2), (json, type, place) => {
      const line = [
        `{"type":"${type}","object":${json}}`,
        `{"object":${json},"type":"${type}"}`,
        ` {"type" : "${type}" , "object" : ${json} , "more":{"uid":"}"}} `,
      ][place]!
      const read = frame(line)
      expect(read.type).toBe(type)
      expect('object' in read && read.object.bytes.toString()).toBe(Buffer.from(json).toString())
    }),
    { numRuns: fuzzRuns },
  )
})

test('a line that was cut anywhere is none', () => {
  fc.assert(
    fc.property(documents, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (json, share) => {
      const line = Buffer.from(`{"type":"ADDED","object":${json}}`)
      let thrown: unknown
      try {
        readFrame(line.subarray(0, Math.floor(share * line.length)))
      } catch (error) {
        thrown = error
      }
      expect(thrown).toSatisfy(none)
    }),
    { numRuns: fuzzRuns },
  )
})

test('garbage is told as such, or is no harm; it never hangs and never fails otherwise', () => {
  fc.assert(
    fc.property(documents, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }), (json, hits) => {
      const line = Buffer.from(`{"type":"ADDED","object":${json}}`)
      for (const [at, byte] of hits) line[at % line.length] = byte
      try {
        readFrame(line)
      } catch (error) {
        expect(error).toSatisfy(none)
      }
    }),
    { numRuns: fuzzRuns },
  )
})

test.each([
  ['not JSON', '<html>'],
  ['no object', '{"type":"ADDED"}'],
  ['an unknown type', `{"type":"SYNC","object":{${metadata}}}`],
  ['no type', `{"object":{${metadata}}}`],
  ['object null', '{"type":"ADDED","object":null}'],
  ['metadata null', '{"type":"ADDED","object":{"metadata":null}}'],
  ['a bookmark without metadata', '{"type":"BOOKMARK","object":{"metadata":null}}'],
  ['a bookmark without resourceVersion', '{"type":"BOOKMARK","object":{"metadata":{}}}'],
  ['a bookmark of null', '{"type":"BOOKMARK","object":null}'],
  ['two frames in one line', `{"type":"ADDED","object":{${metadata}}}{"type":"ADDED","object":{${metadata}}}`],
])('no frame: %s', (_, line) => {
  let thrown: unknown
  try {
    frame(line)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toSatisfy(none)
})

test('a bookmark is a resourceVersion, whatever else it carries', () => {
  const line =
    '{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"900","creationTimestamp":null,"annotations":{"x":"y"}},"spec":{"containers":null},"status":{}}}'
  expect(frame(line)).toEqual({ type: 'BOOKMARK', initialEventsEnd: false, resourceVersion: '900' })
})

test('an ERROR frame carries the Status', () => {
  const status = {
    kind: 'Status',
    code: 429,
    reason: 'TooManyRequests',
    message: 'slow',
    details: { retryAfterSeconds: 3 },
  }
  expect(frame(JSON.stringify({ type: 'ERROR', object: status }))).toEqual({
    type: 'ERROR',
    status: { code: 429, reason: 'TooManyRequests', message: 'slow', retryAfterSeconds: 3 },
  })
})

test.each([
  ['{"kind":"Status","code":"x","message":5,"reason":null}', { code: 503, reason: '', message: '5' }],
  ['<h1>Bad gateway</h1>\n', { code: 503, reason: '', message: '<h1>Bad gateway</h1>' }],
  ['null', { code: 503, reason: '', message: 'null' }],
  ['', { code: 503, reason: '', message: '' }],
])('a body that is no Status becomes one: %s', (body, status) => {
  expect(readStatus(Buffer.from(body), 503)).toEqual(status)
})

test('a page holds its items as they are', () => {
  fc.assert(
    fc.property(fc.array(documents, { maxLength: 5 }), (items) => {
      const read = page(
        `{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"c"},"items":[${items.join(' ,')}]}\n`,
      )
      expect(read).toMatchObject({ resourceVersion: '7', continue: 'c' })
      expect(read.items.map(({ bytes }) => bytes.toString())).toEqual(items.map((json) => Buffer.from(json).toString()))
    }),
    { numRuns: fuzzRuns },
  )
})

test('an empty list may be null', () => {
  expect(page('{"items":null,"metadata":{"resourceVersion":"7"}}')).toEqual({
    resourceVersion: '7',
    continue: '',
    items: [],
  })
})

test('a list that was cut anywhere is none', () => {
  const body = `{"metadata":{"resourceVersion":"7"},"items":[{${metadata}},{${metadata}}]}`
  for (let end = 0; end < body.length; end++) expect(() => page(body.slice(0, end)), `${end}`).toThrow()
  expect(page(body).items).toHaveLength(2)
})

test.each([
  '{"items":[]}',
  '{"metadata":null,"items":[]}',
  '{"metadata":{"resourceVersion":"7"}}',
  '{"metadata":{"resourceVersion":"7"},"items":[null]}',
  '{"metadata":{"resourceVersion":"7"},"items":[]}{}',
])('no whole list: %s', (body) => {
  let thrown: unknown
  try {
    page(body)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toSatisfy(none)
})
