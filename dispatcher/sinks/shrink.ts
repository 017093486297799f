import type { Log } from '../../core/log.ts'
import type { CloudEvent } from './cloudevent.ts'
import type { Step } from './ladder.ts'
import type { SinkEntry } from './sink.ts'

/** An event, and what the sink makes of it. */
export interface Encoded<Entry> {
  readonly event: CloudEvent
  readonly entry: Entry
  /** How far down the ladder it has come. */
  readonly step: number
}

export interface ShrinkOptions<Entry> {
  readonly steps: readonly Step[]
  readonly encode: (event: CloudEvent) => Entry
  readonly log: Pick<Log, 'warn'> | undefined
  readonly signal: AbortSignal
  /** What it is too large for, in words. */
  readonly limit: string
}

/** No step is left, and it is still too large. */
export class EventTooLarge extends Error {
  override readonly name = 'EventTooLarge'
  readonly bytes: number
  readonly leastBytes: number

  constructor({ kind, subject }: CloudEvent, bytes: number, leastBytes: number, limit: string) {
    super(
      `${kind} ${subject} makes an event of ${bytes} bytes, ${leastBytes} when all that can go is gone, and ${limit}`,
    )
    this.bytes = bytes
    this.leastBytes = leastBytes
  }
}

/** The event in at most so many bytes, by the first steps that do. Throws EventTooLarge, or what storing its data threw. */
export async function shrink<Entry extends SinkEntry>(
  whole: Encoded<Entry>,
  maxBytes: number,
  { steps, encode, log, signal, limit }: ShrinkOptions<Entry>,
): Promise<Encoded<Entry>> {
  let { event, entry, step } = whole
  while (entry.bytes > maxBytes) {
    const next = steps[step++]
    if (next === undefined) throw new EventTooLarge(whole.event, whole.entry.bytes, entry.bytes, limit)
    const smaller = await next.take(event, signal)
    if (smaller === undefined) continue
    const { bytes } = entry
    event = smaller
    entry = encode(smaller)
    // in another form it may not have been there anyway
    if (entry.bytes === bytes) continue
    const { cluster, subject, trigger, id: deltaId } = event
    log?.warn({ cluster, subject, trigger, deltaId, bytes, bytesNow: entry.bytes }, `event too large, ${next.what}`)
  }
  return { event, entry, step }
}
