import { NoObject, readObject, type Sighting } from './object.ts'
import { eachElement, eachMember, keyIs, nothingFollows, readString, skipValue, unread } from './scan.ts'

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
  /** `initialEventsEnd`: whatever was there when the watch began has been told by now. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEventsEnd: boolean }
  | { readonly type: 'ERROR'; readonly status: Status }

/** Reads one line of a watch response. Throws SyntaxError or NoObject for a line that is none, or not whole. */
export function readFrame(line: Buffer): Frame {
  let type = ''
  let object: Buffer | undefined
  const end = eachMember(line, 0, (keyStart, keyEnd, valueStart) => {
    if (keyIs(line, keyStart, keyEnd, 'type')) type = readString(line, valueStart)
    if (!keyIs(line, keyStart, keyEnd, 'object')) return unread
    const valueEnd = skipValue(line, valueStart)
    object = line.subarray(valueStart, valueEnd)
    return valueEnd
  })
  nothingFollows(line, end)
  if (!object) throw new NoObject('a frame without an object')
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: readObject(object) }
    case 'BOOKMARK':
      return { type, ...readBookmark(object) }
    case 'ERROR':
      return { type, status: readStatus(object) }
    default:
      throw new NoObject(`a frame of the unknown type ${JSON.stringify(type)}`)
  }
}

function readBookmark(bytes: Buffer): { resourceVersion: string; initialEventsEnd: boolean } {
  const metadata = JSON.parse(bytes.toString('utf8'))?.metadata
  const resourceVersion = metadata?.resourceVersion
  if (typeof resourceVersion !== 'string' || resourceVersion === '')
    throw new NoObject('a bookmark without resourceVersion')
  return { resourceVersion, initialEventsEnd: metadata.annotations?.['k8s.io/initial-events-end'] === 'true' }
}

/** Reads a Status; what is no Status (a proxy's page, plain text) becomes one with the text as its message. */
export function readStatus(bytes: Buffer, code = 0): Status {
  const text = bytes.toString('utf8')
  try {
    const status = JSON.parse(text)
    if (status?.kind === 'Status') {
      const retryAfterSeconds = status.details?.retryAfterSeconds
      return {
        code: typeof status.code === 'number' ? status.code : code,
        reason: String(status.reason ?? ''),
        message: String(status.message ?? ''),
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
      resourceVersion = String(metadata?.resourceVersion ?? '')
      next = String(metadata?.continue ?? '')
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
  nothingFollows(body, end)
  if (!complete || resourceVersion === '') throw new NoObject('a list without items or resourceVersion')
  return { resourceVersion, continue: next, items }
}
