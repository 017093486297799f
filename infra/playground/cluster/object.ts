/** A JSON object of whatever shape. */
export type Fields = Record<string, unknown>

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly managedFields?: readonly ManagedFields[]
  readonly [field: string]: unknown
}

export interface ManagedFields {
  readonly manager: string
  readonly operation: 'Update'
  readonly apiVersion: string
  readonly time: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: Fields
  readonly subresource?: string
}

/** As stored: never changed, only replaced. */
export interface KubeObject {
  readonly kind: string
  readonly apiVersion: string
  readonly metadata: Metadata
  readonly [field: string]: unknown
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {}
}

/** The value at a dotted path, with or without the leading dot of a CRD. */
export function atPath(object: unknown, path: string): unknown {
  return path
    .split('.')
    .filter((step) => step !== '')
    .reduce<unknown>((value, step) => fieldsOf(value)[step], object)
}

export function withPath(object: Fields, path: string, value: unknown): Fields {
  const [step = '', ...rest] = path.split('.').filter((part) => part !== '')
  return { ...object, [step]: rest.length === 0 ? value : withPath(fieldsOf(object[step]), rest.join('.'), value) }
}

export function without(object: Fields, ...names: string[]): Fields {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)))
}

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch
  const merged = { ...fieldsOf(target) }
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}

/** To the second, as the API writes times. */
export function timestamp(time = new Date()): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}
