import { randomUUID } from 'node:crypto'

/** One event that arrived on a bus, with the names a rule's target sees. */
export interface BusEvent {
  readonly bus: string
  /** Given by the bus, and another one on every retry; ours is in the detail. */
  readonly id: string
  readonly source: string
  readonly detailType: string
  readonly detail: Readonly<Record<string, unknown>>
  /** To the second, as EventBridge keeps it. */
  readonly time: string
  readonly resources: readonly string[]
}

/** A refused call, in AWS's words. */
export class CallError extends Error {
  readonly status: number
  readonly code: string

  constructor(code: string, message: string, status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

interface Entry {
  EventBusName?: string
  Source?: string
  DetailType?: string
  Detail?: string
  Time?: number
  Resources?: string[]
}

interface Refusal {
  ErrorCode: string
  ErrorMessage: string
}

/** How one entry is answered, and what became of it. */
export interface Verdict {
  readonly answer: { EventId: string } | Refusal
  /** Absent although the answer is a success: lost, as AWS loses it. */
  readonly event?: BusEvent
}

const MAX_ENTRIES = 10

/** 1 MiB is what AWS accepts, though it documents "less than 1 MB". */
export const MAX_REQUEST_BYTES = 1_048_576

/** The answer to each entry of a PutEvents call; throws when AWS refuses the whole call. */
export function putEvents(input: { Entries?: Entry[] }, buses: ReadonlySet<string>, maxBytes: number): Verdict[] {
  const entries = input.Entries
  if (!Array.isArray(entries)) throw invalid('null', 'Member must not be null')
  const shown = `'[${entries.map(() => 'PutEventsRequestEntry').join(', ')}]'`
  if (entries.length === 0) throw invalid(shown, 'Member must have length greater than or equal to 1')
  if (entries.length > MAX_ENTRIES) throw invalid(shown, `Member must have length less than or equal to ${MAX_ENTRIES}`)
  if (entries.reduce((sum, entry) => sum + bytesOf(entry), 0) > maxBytes) {
    throw new CallError('ValidationException', 'Total size of the entries in the request is over the limit.')
  }
  return entries.map((entry) => verdictOf(entry, buses))
}

export function describeEventBus(input: { Name?: string }, buses: ReadonlySet<string>) {
  const name = busName(input.Name)
  if (!buses.has(name)) throw new CallError('ResourceNotFoundException', `Event bus ${name} does not exist.`)
  return { Name: name, Arn: `arn:aws:events:us-east-1:000000000000:event-bus/${name}` }
}

function verdictOf(entry: Entry, buses: ReadonlySet<string>): Verdict {
  const { Source: source, DetailType: detailType, Detail: text } = entry
  if (!source) return { answer: missing('Source') }
  if (!detailType) return { answer: missing('DetailType') }
  if (!text) return { answer: missing('Detail') }
  if (source.startsWith('aws.')) {
    return { answer: refusal('NotAuthorizedForSourceException', 'Not authorized for the source.') }
  }
  const detail = parseObject(text)
  if (detail === undefined) return { answer: refusal('MalformedDetail', 'Detail is malformed.') }
  const id = randomUUID()
  const bus = busName(entry.EventBusName)
  if (!buses.has(bus) || detailType.length > 128) return { answer: { EventId: id } }
  const time = new Date(entry.Time === undefined ? Date.now() : entry.Time * 1000)
  const event = { bus, id, source, detailType, detail, time: toSecond(time), resources: entry.Resources ?? [] }
  return { answer: { EventId: id }, event }
}

export function refusal(ErrorCode: string, ErrorMessage: string): Refusal {
  return { ErrorCode, ErrorMessage }
}

function missing(field: string): Refusal {
  return refusal('InvalidArgument', `Parameter ${field} is not valid. Reason: ${field} is a required argument.`)
}

function invalid(value: string, constraint: string): CallError {
  const message = `1 validation error detected: Value ${value} at 'entries' failed to satisfy constraint: ${constraint}`
  return new CallError('ValidationException', message)
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size */
function bytesOf({ Time, Source = '', DetailType = '', Detail = '', Resources = [] }: Entry): number {
  const texts = [Source, DetailType, Detail, ...Resources]
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), Time === undefined ? 0 : 14)
}

/** A bus is named by its name or its ARN, and `default` when not at all. */
function busName(name = 'default'): string {
  return name.replace(/^arn:.*:event-bus\//, '')
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function toSecond(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}
