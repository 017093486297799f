/**
 * Reads JSON bytes without building the value: what a watcher needs of an object is four strings, and JSON.parse of a pod
 * costs several times as much. Brackets, strings and separators are checked as far as they are looked at; what a number or a
 * word says is not. Text that is no JSON object throws SyntaxError.
 */

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const comma = 0x2c
const colon = 0x3a

/** What the visitor of a member answers when it has not read the value, and when it has seen enough. */
export const unread = 0
export const enough = -1

/**
 * Visits each member of the object that starts at `start`: the visitor answers where the value ends if it read it, else
 * `unread` or `enough`. Returns the object's end, or `enough`: what follows then is not looked at.
 */
export function eachMember(
  bytes: Buffer,
  start: number,
  visit: (keyStart: number, keyEnd: number, valueStart: number) => number,
): number {
  let i = space(bytes, start)
  if (bytes[i] !== openBrace) throw new SyntaxError(`no JSON object at byte ${i}`)
  i = space(bytes, i + 1)
  if (bytes[i] === closeBrace) return i + 1
  for (;;) {
    const keyStart = i
    if (bytes[i] !== quote) throw new SyntaxError(`no key at byte ${i}`)
    const keyEnd = stringEnd(bytes, i)
    i = space(bytes, keyEnd)
    if (bytes[i] !== colon) throw new SyntaxError(`no colon at byte ${i}`)
    const valueStart = space(bytes, i + 1)
    const visited = visit(keyStart, keyEnd, valueStart)
    if (visited === enough) return enough
    i = space(bytes, visited === unread ? skipValue(bytes, valueStart) : visited)
    if (bytes[i] === closeBrace) return i + 1
    if (bytes[i] !== comma) throw new SyntaxError(`no comma at byte ${i}`)
    i = space(bytes, i + 1)
  }
}

/** Visits each element of the array that starts at `start`; returns its end. */
export function eachElement(bytes: Buffer, start: number, visit: (start: number, end: number) => void): number {
  let i = space(bytes, start)
  if (bytes[i] !== openBracket) throw new SyntaxError(`no JSON array at byte ${i}`)
  i = space(bytes, i + 1)
  if (bytes[i] === closeBracket) return i + 1
  for (;;) {
    const end = skipValue(bytes, i)
    visit(i, end)
    i = space(bytes, end)
    if (bytes[i] === closeBracket) return i + 1
    if (bytes[i] !== comma) throw new SyntaxError(`no comma at byte ${i}`)
    i = space(bytes, i + 1)
  }
}

/** Whether the quoted key at `start` is `key`, however it is escaped. */
export function keyIs(bytes: Buffer, start: number, end: number, key: string): boolean {
  const length = end - start - 2
  if (length > key.length && escaped(bytes, start, end)) return readString(bytes, start, end) === key
  if (length !== key.length) return false
  for (let i = 0; i < key.length; i++) if (bytes[start + 1 + i] !== key.charCodeAt(i)) return false
  return true
}

/** The string whose quotes stand at `start` and before `end`. */
export function readString(bytes: Buffer, start: number, end = skipValue(bytes, start)): string {
  if (bytes[start] !== quote) throw new SyntaxError(`no string at byte ${start}`)
  for (let i = start + 1; i < end - 1; i++) {
    const byte = bytes[i]!
    if (byte === backslash || byte < 0x20 || byte > 0x7e) return JSON.parse(bytes.toString('utf8', start, end))
  }
  return bytes.toString('latin1', start + 1, end - 1)
}

function escaped(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start + 1; i < end - 1; i++) if (bytes[i] === backslash) return true
  return false
}

/** Throws where something other than space stands from `start` to the end of the bytes. */
export function nothingFollows(bytes: Buffer, start: number): void {
  const i = space(bytes, start)
  if (i < bytes.length) throw new SyntaxError(`something after the value at byte ${i}`)
}

function space(bytes: Buffer, start: number): number {
  let i = start
  for (let byte = bytes[i]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[i]) i++
  return i
}

function stringEnd(bytes: Buffer, start: number): number {
  for (let i = start + 1; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === quote) return i + 1
    if (byte === backslash) i++
  }
  throw new SyntaxError('a string without an end')
}

/** The end of the value that starts at `start`; brackets are counted, not matched by kind. */
export function skipValue(bytes: Buffer, start: number): number {
  const first = bytes[start]
  if (first === quote) return stringEnd(bytes, start)
  if (first === openBrace || first === openBracket) {
    let depth = 0
    for (let i = start; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (byte === quote) i = stringEnd(bytes, i) - 1
      // one bit apart: { from [, and } from ]
      else if ((byte & 0xdf) === openBracket) depth++
      else if ((byte & 0xdf) === closeBracket && --depth === 0) return i + 1
    }
    throw new SyntaxError('a value without an end')
  }
  let i = start
  for (; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20) break
  }
  if (i === start) throw new SyntaxError(`no value at byte ${start}`)
  return i
}
