import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter, LineTooLong } from '../../watcher/lines.ts'
import { documents, fuzzRuns } from './documents.ts'

function split(bytes: Buffer, cuts: readonly number[], most = 1 << 20): string[] {
  const splitter = new LineSplitter(most)
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  const lines: string[] = []
  for (let i = 1; i < places.length; i++)
    for (const line of splitter.push(bytes.subarray(places[i - 1], places[i]))) lines.push(line.toString('utf8'))
  return lines
}

test('however the bytes are cut, the lines are the same', () => {
  fc.assert(
    fc.property(fc.array(documents, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 40 }), (lines, cuts) => {
      expect(split(Buffer.from(lines.map((line) => `${line}\n`).join('')), cuts)).toEqual(lines)
    }),
    { numRuns: fuzzRuns },
  )
})

test('one byte at a time is as good', () => {
  const text = 'a日本\n🦊\u2028\u2029\r\n\n\nlast\n'
  const bytes = Buffer.from(text)
  expect(split(bytes, [...bytes.keys()])).toEqual(['a日本', '🦊\u2028\u2029\r', 'last'])
})

test('bytes after the last newline are no line', () => {
  expect(split(Buffer.from('{"a":1}\n{"b":'), [3])).toEqual(['{"a":1}'])
})

test('a line of 60 MiB is refused, and none of it is kept', () => {
  const splitter = new LineSplitter(16 << 20)
  const chunk = Buffer.alloc(1 << 20, 'x')
  let pushed = 0
  const pour = () => {
    for (; pushed < 60; pushed++) for (const line of splitter.push(chunk)) expect(line).toBeUndefined()
  }
  expect(pour).toThrow(LineTooLong)
  expect(pushed).toBe(16)
  expect([...splitter.push(Buffer.from('\nnext\n'))].map(String)).toEqual(['next'])
})

test('the limit is the same for a line that came in one chunk', () => {
  const of = (bytes: number) => [...new LineSplitter(10).push(Buffer.from(`${'x'.repeat(bytes)}\n`))]
  expect(of(10)).toHaveLength(1)
  expect(() => of(11)).toThrow('a line of more than 10 bytes')
})
