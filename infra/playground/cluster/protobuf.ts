import type { Fields } from './object.ts'
import { type FieldType, type Message, messages } from './protobuf-fields.ts'
import type { Resource } from './resources.ts'
import { badRequest, unsupportedMediaType } from './status.ts'

export const protobufType = 'application/vnd.kubernetes.protobuf'

/** `k8s\0`, then an envelope whose second field is the object. */
const magic = Buffer.from('k8s\0')

/** What a body is told to be. */
export type Typed = Pick<Resource, 'kind' | 'group' | 'version' | 'apiVersion' | 'custom'>

/**
 * The object in a protobuf body: `kubectl create configmap` and its like send nothing else. Of a kind, this server reads
 * what these commands can say; more is refused, never dropped.
 */
export function decodeProtobuf(body: Buffer, resource: Typed): Fields {
  const { kind, apiVersion, custom } = resource
  const message = custom ? undefined : messages[kind]
  if (!message) throw unsupportedMediaType(`this playground reads no protobuf of a ${kind}: send application/json`)
  if (!body.subarray(0, magic.length).equals(magic)) throw badRequest('the body is no Kubernetes protobuf')
  const raw = [...records(body.subarray(magic.length))].find(({ field }) => field === 2)
  if (!raw || typeof raw.value === 'number') throw badRequest('the body has no object')
  return { kind, apiVersion, ...decode(raw.value, message, kind) }
}

interface WireRecord {
  readonly field: number
  readonly value: number | Buffer
}

function* records(bytes: Buffer): Generator<WireRecord> {
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) throw badRequest('a protobuf field ends too early')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, value))
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag & 7
    if (wire !== 0 && wire !== 2) throw badRequest(`protobuf wire type ${wire} is none that Kubernetes uses`)
    const number = varint()
    if (wire === 2) at += number
    if (at > bytes.length) throw badRequest('a protobuf field ends too early')
    yield { field: tag >> 3, value: wire === 0 ? number : bytes.subarray(at - number, at) }
  }
}

function decode(bytes: Buffer, message: Message, path: string): Fields {
  const object: Fields = {}
  for (const { field, value } of records(bytes)) {
    const [name, type] = message[field] ?? []
    const isEmpty = value === 0 || (Buffer.isBuffer(value) && isZero(value))
    if (name === undefined || type === undefined) {
      // Go writes structs that hold nothing, too
      if (isEmpty) continue
      throw unsupportedMediaType(
        `this playground does not read field ${field} of ${path} in protobuf: send application/json`,
      )
    }
    // text is what it is: `rej2` could be read as an empty struct
    const isUnset =
      type === 'string' ? Buffer.isBuffer(value) && value.length === 0 : value === 0 && type !== 'optional'
    if (type === 'ignored' || isUnset) continue
    const read = readValue(value, type, `${path}.${name}`, object[name])
    if (read !== undefined) object[name] = read
  }
  return object
}

function readValue(value: number | Buffer, type: FieldType, path: string, before: unknown): unknown {
  if (typeof value === 'number') return type === 'boolean' ? true : value
  if (type === 'strings') return [...((before as string[] | undefined) ?? []), value.toString()]
  if (type === 'map' || type === 'bytesMap') {
    const [key, content] = entry(value)
    return { ...(before as Fields | undefined), [key]: content.toString(type === 'map' ? 'utf8' : 'base64') }
  }
  if (type === 'intOrString') return intOrString(value)
  if (typeof type === 'string') return value.toString()
  if ('many' in type) return [...((before as Fields[] | undefined) ?? []), decode(value, type.many, path)]
  const object = decode(value, type.one, path)
  return Object.keys(object).length === 0 ? undefined : object
}

function entry(bytes: Buffer): [string, Buffer] {
  const found = new Map([...records(bytes)].map(({ field, value }) => [field, value]))
  const [key, content] = [found.get(1), found.get(2)]
  return [String(key ?? ''), Buffer.isBuffer(content) ? content : Buffer.alloc(0)]
}

function intOrString(bytes: Buffer): number | string | undefined {
  const found = new Map([...records(bytes)].map(({ field, value }) => [field, value]))
  const number = found.get(2)
  return found.get(1) === 1 ? String(found.get(3)) : number === 0 || typeof number !== 'number' ? undefined : number
}

/** Whether a struct of unknown shape holds nothing but zeros. */
function isZero(bytes: Buffer): boolean {
  if (bytes.length === 0) return true
  try {
    return [...records(bytes)].every(({ value }) => (typeof value === 'number' ? value === 0 : isZero(value)))
  } catch {
    return false
  }
}
