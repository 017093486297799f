import { createHash } from 'node:crypto'
import type { WireEvent } from './cloudevent.ts'
import type { SinkEntry } from './sink.ts'

/**
 * How events are put into requests. `binary`: attributes as headers, the data as the body. `structured`: one event as JSON.
 * `batched`: many as a JSON array, which only receivers that ask for it understand.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */
export type HttpMode = 'binary' | 'structured' | 'batched'

export interface HttpEntry extends SinkEntry {
  /** For receivers that drop what they have seen; the same on every attempt. */
  readonly id: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: string
}

/** What is posted, apart from what is the same for every request. */
export interface HttpMessage {
  readonly id: string
  readonly headers: readonly string[]
  readonly body: string
}

export function httpEntryOf(event: WireEvent, mode: HttpMode): HttpEntry {
  const { body, headers } = mode === 'binary' ? binary(event) : { body: JSON.stringify(event), headers: structured }
  // and the comma of a batch
  return { id: event.dedupekey, headers, body, bytes: Buffer.byteLength(body) + 1 }
}

export function messageOf(entries: readonly HttpEntry[], mode: HttpMode): HttpMessage {
  const [first] = entries
  if (mode !== 'batched' && first !== undefined) return first
  const id = createHash('sha256')
  for (const entry of entries) id.update(entry.id)
  return {
    id: id.digest('hex').slice(0, 32),
    headers: batched,
    body: `[${entries.map(({ body }) => body).join(',')}]`,
  }
}

const structured = ['content-type', 'application/cloudevents+json']
const batched = ['content-type', 'application/cloudevents-batch+json']

/** Every attribute is printable ASCII without space, `"` and `%`, see `cloudevent.ts`: nothing is left to be encoded. */
function binary(event: WireEvent): { headers: string[]; body: string } {
  const { data, datacontenttype } = event
  const headers: string[] = []
  for (const name of Object.keys(event) as (keyof WireEvent)[]) {
    if (name !== 'data' && name !== 'datacontenttype') headers.push(`ce-${name}`, String(event[name]))
  }
  if (data === undefined) return { headers, body: '' }
  headers.push('content-type', datacontenttype)
  return { headers, body: JSON.stringify(data) }
}
