import { eachMember, enough, keyIs, nothingFollows, readString, skipValue, unread } from './scan.ts'

/** What a watcher knows of an object without decoding it. */
export interface Sighting {
  readonly uid: string
  readonly resourceVersion: string
  readonly name: string
  /** '' for objects that belong to the whole cluster. */
  readonly namespace: string
  /** The object's JSON, as received. A view into the stream's buffer: to be copied before it is kept. */
  readonly bytes: Buffer
}

/** An object whose identity could not be read: no object of the API. */
export class NoObject extends Error {
  override name = 'NoObject'
}

/** `<namespace>/<name>`, or the name alone. */
export function objectKey(sighting: { readonly namespace: string; readonly name: string }): string {
  return sighting.namespace === '' ? sighting.name : `${sighting.namespace}/${sighting.name}`
}

/** Reads the identity of the object whose JSON is `bytes`. Throws NoObject or SyntaxError. */
export function readObject(bytes: Buffer): Sighting {
  let uid = ''
  let resourceVersion = ''
  let name = ''
  let namespace = ''
  eachMember(bytes, 0, (keyStart, keyEnd, valueStart) => {
    if (!keyIs(bytes, keyStart, keyEnd, 'metadata')) return unread
    eachMember(bytes, valueStart, (from, to, start) => {
      if (keyIs(bytes, from, to, 'uid')) uid = readString(bytes, start)
      else if (keyIs(bytes, from, to, 'name')) name = readString(bytes, start)
      else if (keyIs(bytes, from, to, 'namespace')) namespace = readString(bytes, start)
      else if (keyIs(bytes, from, to, 'resourceVersion')) resourceVersion = readString(bytes, start)
      // typed kinds write these four first; the rest of the metadata need not be read
      return uid !== '' && name !== '' && namespace !== '' && resourceVersion !== '' ? enough : unread
    })
    return enough
  })
  if (uid === '' || name === '' || resourceVersion === '')
    throw new NoObject('an object without uid, name or resourceVersion')
  return { uid, resourceVersion, name, namespace, bytes }
}

/**
 * The object's JSON as it is kept and delivered: without managedFields, with apiVersion and kind (items of a typed list
 * lack them), and otherwise byte for byte as received.
 */
export function keptBytes(bytes: Buffer, apiVersion: string, kind: string): Buffer {
  let hasApiVersion = false
  let hasKind = false
  let cut: [start: number, end: number] | undefined
  let first = -1
  const end = eachMember(bytes, 0, (keyStart, keyEnd, valueStart) => {
    if (first === -1) first = keyStart
    if (keyIs(bytes, keyStart, keyEnd, 'apiVersion')) hasApiVersion = true
    else if (keyIs(bytes, keyStart, keyEnd, 'kind')) hasKind = true
    else if (keyIs(bytes, keyStart, keyEnd, 'metadata')) cut = managedFields(bytes, valueStart)
    return unread
  })
  nothingFollows(bytes, end)
  if (first === -1) throw new NoObject('an object without any field')
  const head = `${hasKind ? '' : `"kind":${JSON.stringify(kind)},`}${hasApiVersion ? '' : `"apiVersion":${JSON.stringify(apiVersion)},`}`
  const [cutStart, cutEnd] = cut ?? [first, first]
  const parts = [bytes.subarray(0, first), Buffer.from(head), bytes.subarray(first, cutStart), bytes.subarray(cutEnd)]
  return Buffer.concat(parts)
}

/** The object with nothing but its metadata, whether the server sent the rest or not. */
export function metadataBytes(bytes: Buffer): Buffer {
  let metadata: Buffer | undefined
  eachMember(bytes, 0, (keyStart, keyEnd, valueStart) => {
    if (!keyIs(bytes, keyStart, keyEnd, 'metadata')) return unread
    const valueEnd = skipValue(bytes, valueStart)
    metadata = bytes.subarray(valueStart, valueEnd)
    return valueEnd
  })
  if (!metadata) throw new NoObject('an object without metadata')
  return Buffer.concat([Buffer.from('{"metadata":'), metadata, Buffer.from('}')])
}

/** Where the member managedFields stands in the metadata, with the one comma that goes with it. */
function managedFields(bytes: Buffer, start: number): [start: number, end: number] | undefined {
  let previousEnd = -1
  let cut: [number, number] | undefined
  eachMember(bytes, start, (keyStart, keyEnd, valueStart) => {
    if (cut) {
      // it was the first member: the comma after it goes with it
      cut[1] = keyStart
      return enough
    }
    const valueEnd = skipValue(bytes, valueStart)
    if (keyIs(bytes, keyStart, keyEnd, 'managedFields')) {
      cut = [previousEnd === -1 ? keyStart : previousEnd, valueEnd]
      if (previousEnd !== -1) return enough
    }
    previousEnd = valueEnd
    return valueEnd
  })
  return cut
}
