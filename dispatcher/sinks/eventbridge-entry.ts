import type { Delivery } from '../target.ts'
import { type CloudEvent, cloudEvent } from './cloudevent.ts'

/** An entry of PutEvents, as this sink fills it. */
export interface Entry {
  readonly EventBusName: string
  readonly Source: string
  readonly DetailType: string
  readonly Detail: string
  readonly Time: Date
  readonly Resources: string[]
}

/** One delivery, ready to be sent. */
export interface Item {
  /** Its place in the batch, and so its outcome's. */
  readonly index: number
  readonly event: CloudEvent
  readonly entry: Entry
  readonly bytes: number
}

/** What rules match on as `source`; the clusters stand in the detail. */
const SOURCE = 'dev.deltabridge'

export const MAX_ENTRIES = 10

/**
 * Of one request, all entries together. "Less than 1 MB" says the documentation; 1 MiB is accepted, but the envelope that
 * EventBridge adds then makes some targets drop the event. This is right for every reading, and leaves room.
 */
export const MAX_REQUEST_BYTES = 1_000_000

/** What requests were limited to until 2026-01, and still are in some regions. */
export const OLD_REQUEST_BYTES = 262_144

export function itemOf(delivery: Delivery, index: number, bus: string): Item {
  return packed(cloudEvent(delivery), index, bus)
}

/** The same without the previous state, the first thing to go when it is too large; undefined when there is none. */
export function withoutOld({ event, index, entry }: Item): Item | undefined {
  const { old, ...data } = event.data
  return old === undefined ? undefined : packed({ ...event, data }, index, entry.EventBusName)
}

function packed(event: CloudEvent, index: number, bus: string): Item {
  const entry: Entry = {
    EventBusName: bus,
    Source: SOURCE,
    DetailType: event.type,
    Detail: JSON.stringify(event),
    Time: new Date(event.time),
    Resources: [],
  }
  return { index, event, entry, bytes: bytesOf(entry) }
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size */
export function bytesOf({ Source, DetailType, Detail, Resources }: Omit<Entry, 'EventBusName' | 'Time'>): number {
  const texts = [Source, DetailType, Detail, ...Resources]
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 14)
}

/** What EventBridge would refuse, or worse, accept and lose (segmentio/action-destinations#2828). */
export function faultOf({
  Source,
  DetailType,
  Time,
}: Pick<Entry, 'Source' | 'DetailType' | 'Time'>): string | undefined {
  if (DetailType.length > 128)
    return `DetailType has ${DetailType.length} characters, EventBridge silently loses more than 128`
  if (Source.startsWith('aws.')) return `Source ${Source} is reserved for AWS`
  if (Number.isNaN(Time.getTime())) return 'Time is not a date'
  return undefined
}

/** In their order, as few requests as that allows. An item over `maxBytes` goes alone. */
export function pack(items: readonly Item[], maxBytes: number): Item[][] {
  const requests: Item[][] = []
  let room = 0
  for (const item of items) {
    const request = requests.at(-1)
    if (request !== undefined && request.length < MAX_ENTRIES && item.bytes <= room) {
      request.push(item)
      room -= item.bytes
    } else {
      requests.push([item])
      room = maxBytes - item.bytes
    }
  }
  return requests
}
