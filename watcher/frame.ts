import { NoObject, readObject, type Sighting } from './object.ts'
import { eachElement, eachMember, enough, keyIs, readString, skipValue, unread } from './scan.ts'

/** The API server's own account of a failure, from a body or from an ERROR frame. */
export interface Status {
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly retryAfterSeconds?: number
}

/** One line of a watch response. */
export type Frame =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Sighting }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }
  | { readonly type: 'ERROR'; readonly status: Status }

/** Reads one line of a watch response. Throws SyntaxError or NoObject for a line that is none. */
export function readFrame(line: Buffer): Frame {
  let type = ''
  let object: Buffer | undefined
  eachMember(line, 0, (keyStart, keyEnd, valueStart) => {
    if (keyIs(line, keyStart, keyEnd, 'type')) type = readString(line, valueStart)
    else if (keyIs(line, keyStart, keyEnd, 'object')) {
      if (type !== '') {
        // API servers write type first, so the object ends one brace before the line does, and need not be scanned for it
        object = line.subarray(valueStart, lastBrace(line, line.length))
        return enough
      }
      const end = skipValue(line, valueStart)
      object = line.subarray(valueStart, end)
      return end
    }
    return unread
  })
  if (!object) throw new NoObject('a frame without an object')
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: readObject(object) }
    case 'BOOKMARK':
      return { type, resourceVersion: JSON.parse(object.toString('utf8')).metadata.resourceVersion }
    case 'ERROR':
      return { type, status: readStatus(object) }
    default:
      throw new NoObject(`a frame of the unknown type ${JSON.stringify(type)}`)
  }
}

function lastBrace(line: Buffer, before: number): number {
  const end = line.lastIndexOf('}', before - 1)
  // both the envelope and the object close here, or the line was cut
  if (end < 1 || line.lastIndexOf('}', end - 1) === -1) throw new SyntaxError('a line without an end')
  return end
}

/** Reads a Status; what is no Status (a proxy's page, plain text) becomes one with the text as its message. */
export function readStatus(bytes: Buffer, code = 0): Status {
  const text = bytes.toString('utf8')
  try {
    const status = JSON.parse(text)
    if (status?.kind === 'Status') {
      const retryAfterSeconds = status.details?.retryAfterSeconds
      return {
        code: status.code ?? code,
        reason: status.reason ?? '',
        message: status.message ?? '',
        ...(typeof retryAfterSeconds === 'number' && { retryAfterSeconds }),
      }
    }
  } catch {
    // not JSON: told as it is
  }
  return { code, reason: '', message: text.slice(0, 300).trim() }
}

/** One page of a list. */
export interface Page {
  readonly resourceVersion: string
  readonly continue: string
  readonly items: readonly Sighting[]
}

/** Reads a list response, its items undecoded. Throws SyntaxError or NoObject when the body is no whole list. */
export function readPage(body: Buffer): Page {
  let resourceVersion = ''
  let next = ''
  let complete = false
  const items: Sighting[] = []
  const end = eachMember(body, 0, (keyStart, keyEnd, valueStart) => {
    if (keyIs(body, keyStart, keyEnd, 'metadata')) {
      const valueEnd = skipValue(body, valueStart)
      const metadata = JSON.parse(body.toString('utf8', valueStart, valueEnd))
      resourceVersion = metadata.resourceVersion ?? ''
      next = metadata.continue ?? ''
      return valueEnd
    }
    if (keyIs(body, keyStart, keyEnd, 'items')) {
      complete = true
      // Go writes an empty list as null
      if (body[valueStart] === 0x6e) return unread
      return eachElement(body, valueStart, (from, to) => items.push(readObject(body.subarray(from, to))))
    }
    return unread
  })
  if (end === enough || !complete || resourceVersion === '')
    throw new NoObject('a list without items or resourceVersion')
  return { resourceVersion, continue: next, items }
}
