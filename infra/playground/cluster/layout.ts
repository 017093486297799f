import { type Fields, fieldsOf, isFields, type KubeObject } from './object.ts'

/** The order of Go's structs, in which built-in kinds are written. */
const head = ['kind', 'apiVersion', 'metadata']
const metadata = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
]

/** Members in the order the real server writes them: readers that look for a field early must see what they will meet. */
export function layOut(object: Fields, custom: boolean): KubeObject {
  if (custom) return sorted(object) as unknown as KubeObject
  const { status, ...rest } = first(object, head)
  const last = status === undefined ? {} : { status }
  return { ...rest, metadata: first(fieldsOf(object.metadata), metadata), ...last } as unknown as KubeObject
}

function first(object: Fields, names: readonly string[]): Fields {
  const known = names.filter((name) => object[name] !== undefined).map((name) => [name, object[name]])
  return { ...Object.fromEntries(known), ...object }
}

/** Custom resources are Go maps on the server, which are written by key. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isFields(value)) return value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]))
}
