import type { Log } from '../../core/log.ts'
import { failed } from '../policy.ts'
import type { Delivery, Outcome, Target } from '../target.ts'
import type { ClaimCheck } from './claim-check.ts'
import { type CloudEvent, cloudEvent, type WireEvent } from './cloudevent.ts'
import { InFlight } from './in-flight.ts'
import { ladder } from './ladder.ts'
import { outcomeOfAbort, outcomeOfRequest } from './outcome.ts'
import { bytesOf, pack } from './packing.ts'
import { type Sink, type SinkEntry, SinkError } from './sink.ts'

export interface EventTargetOptions {
  readonly log?: Pick<Log, 'warn'>
  /** What readers of this sink expect instead of our own form. */
  readonly form?: ((event: CloudEvent) => WireEvent) | undefined
  readonly claimCheck?: ClaimCheck | undefined
  /** The sink wants nothing from us any more. */
  readonly onGone?: (message: string) => void
}

/** A target that can tell beforehand that deliveries would fail. */
export interface CheckableTarget extends Target {
  /** Rejects with a SinkError when nothing sent would arrive. */
  check(signal: AbortSignal): Promise<void>
}

/** One delivery on its way. */
interface Item<Entry> {
  /** Its place in the batch, and so its outcome's. */
  readonly index: number
  readonly event: CloudEvent
  readonly entry: Entry
  /** How far down the ladder it has come. */
  readonly step: number
}

/** One batch, by the places of its deliveries. */
interface Shipment {
  readonly outcomes: (Outcome | undefined)[]
  /** Whether it has ever gone out. */
  readonly sent: boolean[]
  readonly signal: AbortSignal
}

/** What all sinks have in common: deliveries become events, events become requests that the sink takes, each delivery gets its outcome. */
export function eventTarget<Entry extends SinkEntry>(
  sink: Sink<Entry>,
  { log, form = (event: CloudEvent): WireEvent => event, claimCheck, onGone }: EventTargetOptions = {},
): CheckableTarget {
  const { entries: maxBatch, bytes: maxBytes, lowerBytes } = sink.limits
  const steps = ladder(claimCheck)
  const inFlight = new InFlight()
  const running = new Set<Promise<unknown>>()
  let requestBytes = maxBytes
  let closed: Promise<void> | undefined

  /** Tells the outcome of each item, however many requests that takes; none for what was aborted before it was sent. */
  async function send(items: readonly Item<Entry>[], shipment: Shipment): Promise<void> {
    const { outcomes, signal } = shipment
    const answer = await inFlight.run(() => request(items, shipment), isThrottled)
    if (answer === undefined) return
    if (!(answer instanceof SinkError)) {
      for (const [position, { index }] of items.entries()) outcomes[index] = answer[position] ?? missing()
    } else if (signal.aborted) {
      for (const { index } of items) outcomes[index] = outcomeOfAbort(signal.reason, true)
    } else if (answer.reason === 'TooLarge') await sendSmaller(items, answer, shipment)
    else if (answer.reason === 'Invalid' && items.length > 1) {
      // the answer names no entry, so each goes alone: one that cannot be sent must not hold up the others
      await Promise.all(items.map((item) => send([item], shipment)))
    } else {
      if (answer.reason === 'Gone') onGone?.(answer.message)
      for (const { index } of items) outcomes[index] = outcomeOfRequest(answer)
    }
  }

  async function request(items: readonly Item<Entry>[], { sent, signal }: Shipment) {
    if (signal.aborted) return undefined
    for (const { index } of items) sent[index] = true
    try {
      return await sink.send(
        items.map(({ entry }) => entry),
        signal,
      )
    } catch (error) {
      return error instanceof SinkError
        ? error
        : new SinkError('Unavailable', (error as Error).message, { cause: error })
    }
  }

  async function sendSmaller(items: readonly Item<Entry>[], error: SinkError, shipment: Shipment): Promise<void> {
    const [first] = items
    if (first !== undefined && items.length === 1) {
      const smaller = await shrunk(first, first.entry.bytes - 1, shipment, error)
      return smaller && send([smaller], shipment)
    }
    const bytes = bytesOf(items)
    if (lowerBytes !== undefined && bytes > lowerBytes && requestBytes > lowerBytes) {
      requestBytes = lowerBytes
      log?.warn(
        { bytes, requestBytes, err: error.message },
        'a request was too large; sending smaller ones from now on',
      )
    }
    await sendAll(items, Math.min(requestBytes, bytes / 2), shipment)
  }

  async function sendAll(items: readonly Item<Entry>[], most: number, shipment: Shipment): Promise<void> {
    const requests = pack(items, maxBatch, most)
    const [only] = requests
    if (only !== undefined && requests.length === 1) await send(only, shipment)
    else await Promise.all(requests.map((some) => send(some, shipment)))
  }

  /** What can be sent, in at most so many bytes; else its outcome says why not. */
  async function shrunk(
    item: Item<Entry>,
    most: number,
    { outcomes, signal }: Shipment,
    cause?: SinkError,
  ): Promise<Item<Entry> | undefined> {
    const { index } = item
    const { kind, subject, cluster, trigger, id: deltaId } = item.event
    let { event, entry, step } = item
    try {
      while (entry.bytes > most) {
        const next = steps[step++]
        if (next === undefined) {
          const limit = cause?.message ?? `a request holds ${maxBytes} bytes`
          const message = `${kind} ${subject} makes an event of ${item.entry.bytes} bytes, ${entry.bytes} when all that can go is gone, and ${limit}`
          outcomes[index] = { ok: false, failure: 'entry', permanent: true, error: { name: 'EventTooLarge', message } }
          return undefined
        }
        const smaller = await next.take(event, signal)
        if (smaller === undefined) continue
        const { bytes } = entry
        event = smaller
        entry = sink.encode(form(smaller))
        log?.warn({ cluster, subject, trigger, deltaId, bytes, bytesNow: entry.bytes }, `event too large, ${next.what}`)
      }
      return { index, event, entry, step }
    } catch (error) {
      // the store of the claim check: this object waits, and no other
      outcomes[index] = signal.aborted ? undefined : failed(error)
      return undefined
    }
  }

  /** At once, unless it must become smaller. */
  function prepare(delivery: Delivery, index: number, shipment: Shipment) {
    try {
      const event = cloudEvent(delivery)
      const item = { index, event, entry: sink.encode(form(event)), step: 0 }
      return item.entry.bytes <= maxBytes ? item : shrunk(item, maxBytes, shipment)
    } catch (error) {
      shipment.outcomes[index] = { ...failed(error), permanent: true }
      return undefined
    }
  }

  async function put(batch: readonly Delivery[], shipment: Shipment): Promise<void> {
    const items = await Promise.all(batch.map((delivery, index) => prepare(delivery, index, shipment)))
    const there = items.filter((item) => item !== undefined)
    await sendAll(there, requestBytes, shipment)
  }

  return {
    maxBatch,

    async deliver(batch, signal) {
      if (closed) return batch.map(() => failed(new Error('the sink is closed'), 'target'))
      const shipment: Shipment = { outcomes: batch.map(() => undefined), sent: batch.map(() => false), signal }
      const done = unlessAborted(() => put(batch, shipment), signal)
      running.add(done)
      try {
        await done
      } finally {
        running.delete(done)
      }
      return shipment.outcomes.map((outcome, index) => outcome ?? outcomeOfAbort(signal.reason, shipment.sent[index]))
    },

    async check(signal) {
      await unlessAborted(async () => {
        await Promise.all([sink.check(signal), claimCheck?.check(signal)])
      }, signal)
      signal.throwIfAborted()
    },

    close() {
      closed ??= Promise.allSettled(running).then(async () => {
        claimCheck?.close()
        await sink.close()
      })
      return closed
    },
  }
}

function isThrottled(answer: readonly Outcome[] | SinkError | undefined): boolean {
  if (answer === undefined) return false
  if (answer instanceof SinkError) return answer.reason === 'Throttled'
  return answer.some((outcome) => !outcome.ok && outcome.failure === 'target')
}

function missing(): Outcome {
  return failed(Object.assign(new Error('the sink answered nothing for this entry'), { name: 'NoAnswer' }))
}

/** Runs until done or aborted: not everything below minds the signal. */
async function unlessAborted(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const aborted = Promise.withResolvers<void>()
  const abort = () => aborted.resolve()
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([work(), aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
