import type { WireEvent } from './cloudevent.ts'
import type { SinkEntry } from './sink.ts'

/** An entry of PutEvents, as this sink fills it. */
export interface PutEventsEntry {
  readonly EventBusName: string
  readonly Source: string
  readonly DetailType: string
  readonly Detail: string
  readonly Time: Date
  readonly Resources: string[]
}

export interface EventBridgeEntry extends SinkEntry {
  /** As it stands in the request. */
  readonly json: string
}

/** What rules match on as `source`; the clusters stand in the detail. */
const SOURCE = 'dev.deltabridge'

/** The structured CloudEvent in `Detail`. Throws for what EventBridge would refuse, or accept and lose. */
export function entryOf(event: WireEvent, bus: string): EventBridgeEntry {
  const entry: PutEventsEntry = {
    EventBusName: bus,
    Source: SOURCE,
    DetailType: event.type,
    Detail: JSON.stringify(event),
    Time: new Date(event.time),
    Resources: [],
  }
  const fault = faultOf(entry)
  if (fault !== undefined) throw new TypeError(fault)
  return { json: JSON.stringify({ ...entry, Time: entry.Time.getTime() / 1000 }), bytes: requestBytesOf(entry) }
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size */
export function requestBytesOf({
  Source,
  DetailType,
  Detail,
  Resources,
}: Omit<PutEventsEntry, 'EventBusName' | 'Time'>): number {
  const texts = [Source, DetailType, Detail, ...Resources]
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 14)
}

/** More than 128 characters are accepted and lost: segmentio/action-destinations#2828. */
export function faultOf({
  Source,
  DetailType,
  Time,
}: Pick<PutEventsEntry, 'Source' | 'DetailType' | 'Time'>): string | undefined {
  if (DetailType.length > 128)
    return `DetailType has ${DetailType.length} characters, EventBridge silently loses more than 128`
  if (Source.startsWith('aws.')) return `Source ${Source} is reserved for AWS`
  if (Number.isNaN(Time.getTime())) return 'Time is not a date'
  return undefined
}
