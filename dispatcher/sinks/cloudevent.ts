import { hash } from 'node:crypto'
import type { AnyDelta, AnyObject, DeltaType, LastKnown } from '../../core/delta.ts'
import type { Delivery } from '../target.ts'

/** Where the JSON Schema of `data` is published; a new major gets a new address, and a new `type` with it. */
export const DATA_SCHEMA = 'https://deltabridge.dev/schemas/delta/v1.json'

/** A delta as CloudEvents 1.0 has it: serialised with JSON.stringify, it is the structured mode. */
export interface CloudEvent {
  readonly specversion: '1.0'
  /** With `source`, unique per event, and the same on every retry. */
  readonly id: string
  readonly source: string
  readonly type: (typeof TYPES)[DeltaType]
  /** The object's path on its API server. */
  readonly subject: string
  readonly time: string
  readonly datacontenttype: 'application/json'
  readonly dataschema: typeof DATA_SCHEMA
  readonly cluster: string
  readonly apiversion: string
  readonly kind: string
  /** Absent for objects that belong to the whole cluster. */
  readonly namespace?: string
  readonly name: string
  readonly trigger: string
  /** Of one object, also over deletion and recreation: what a bus keeps in order by. */
  readonly partitionkey: string
  /** Sorts as text within one `source`; absent when the resourceVersion is not a number. */
  readonly sequence?: string
  readonly initial?: true
  /** Stands for `source` and `id` where a bus has room for one key. */
  readonly dedupekey: string
  /** Where `data` lies when it is too large to be sent; then there is no `data` here. */
  readonly dataref?: string
  readonly data?: EventData
}

/** A CloudEvent as it goes out: ours, or in the form that a sink's readers expect. */
export interface WireEvent extends Omit<CloudEvent, 'type' | 'dataschema' | 'data'> {
  readonly type: string
  readonly dataschema?: string
  readonly data?: unknown
}

export interface EventData {
  readonly object: LastKnown<AnyObject>
  readonly old?: AnyObject
  readonly changed?: readonly string[]
  readonly reason?: string
  readonly initial?: true
  readonly finalStateUnknown?: true
  /** There is an old object, and it made the event too large. */
  readonly oldOmitted?: true
  /** The object made the event too large: `object` is its identity alone. */
  readonly objectOmitted?: true
}

const TYPES = {
  Added: 'dev.deltabridge.object.added.v1',
  Updated: 'dev.deltabridge.object.updated.v1',
  Deleted: 'dev.deltabridge.object.deleted.v1',
} as const satisfies Record<DeltaType, string>

/** A uint128 in decimal, which is what KEP-5504 lets a resourceVersion grow to. */
const SEQUENCE_DIGITS = 39

/** The shortest of the limits on ordering keys (SQS FIFO, EventBridge's event groups). */
const PARTITION_KEY_LENGTH = 128

/** The delta of a delivery as an event. Pure: the same delivery always gives the same event. */
export function cloudEvent({ delta, trigger, resource }: Delivery): CloudEvent {
  const { cluster, namespace, name } = delta
  const slash = delta.gvk.lastIndexOf('/')
  const id = plain(delta.id)
  const source = `k8s://${authority(cluster)}/${segment(resource.group || 'core')}/${segment(resource.resource)}#${segment(trigger)}`
  const sequence = sequenceOf(delta.resourceVersion)
  return {
    specversion: '1.0',
    id,
    source,
    type: TYPES[delta.type],
    subject: pathOf(resource, namespace, name),
    time: plain(delta.observedAt),
    datacontenttype: 'application/json',
    dataschema: DATA_SCHEMA,
    cluster: plain(cluster),
    apiversion: plain(delta.gvk.slice(0, slash)),
    kind: plain(delta.gvk.slice(slash + 1)),
    ...(namespace !== undefined && { namespace: plain(namespace) }),
    name: plain(name),
    trigger: plain(trigger),
    partitionkey: partitionKey([cluster, resource.group, resource.resource, namespace ?? '', name].join('/')),
    ...(sequence !== undefined && { sequence }),
    ...(delta.initial && { initial: true as const }),
    dedupekey: sha256(`${source} ${id}`).slice(0, 32),
    data: dataOf(delta),
  }
}

function dataOf({ object, old, changed, reason, initial, finalStateUnknown }: AnyDelta): EventData {
  return {
    object,
    ...(old !== undefined && { old }),
    ...(changed !== undefined && { changed }),
    ...(reason !== undefined && { reason }),
    ...(initial && { initial }),
    ...(finalStateUnknown && { finalStateUnknown }),
  }
}

function pathOf({ group, version, resource }: Delivery['resource'], namespace: string | undefined, name: string) {
  const root = group === '' ? ['api', version] : ['apis', group, version]
  const within = namespace === undefined ? [] : ['namespaces', namespace]
  return `/${[...root, ...within, resource, name].map(segment).join('/')}`
}

function sequenceOf(resourceVersion: string): string | undefined {
  return /^\d{1,39}$/.test(resourceVersion) ? resourceVersion.padStart(SEQUENCE_DIGITS, '0') : undefined
}

function partitionKey(key: string): string {
  return key.length <= PARTITION_KEY_LENGTH && plain(key) === key ? key : sha256(key)
}

/**
 * Printable ASCII without space, `"` and `%`: what every HTTP receiver reads alike, whether or not it decodes
 * ce- headers (cloudevents/spec#1397). Nearly every name is that already; the few others (RBAC allows almost anything)
 * are escaped as `~hh`, and `data` has them as they are.
 */
function plain(text: string): string {
  // looked at first, since nearly all are: a replacement that finds nothing costs more than twice as much
  return /^[!#$&-~]*$/.test(text) ? text : text.replace(/[^!#$&-~]/gu, escaped)
}

/** The same for one segment of a path. */
function segment(text: string): string {
  return /^[\w.~!$&'()*+,;=@:-]*$/.test(text) ? text : text.replace(/[^\w.~!$&'()*+,;=@:-]/gu, escaped)
}

/** The same for a URI's authority: a cluster may be named after a context such as `arn:aws:eks:…:cluster/prod`. */
function authority(text: string): string {
  return text.replace(/[^\w.~-]/gu, escaped)
}

function escaped(char: string): string {
  return Array.from(Buffer.from(char), (byte) => `~${byte.toString(16).padStart(2, '0')}`).join('')
}

function sha256(text: string): string {
  return hash('sha256', text)
}
