import type { Log } from '../../core/log.ts'
import { failed } from '../policy.ts'
import type { Delivery, Outcome, Target } from '../target.ts'
import type { ClaimCheck } from './claim-check.ts'
import { type CloudEvent, cloudEvent, type WireEvent } from './cloudevent.ts'
import { InFlight } from './in-flight.ts'
import { ladder } from './ladder.ts'
import { outcomeOfAbort, outcomeOfRequest, outcomeOfTooLarge } from './outcome.ts'
import { bytesOf, pack } from './packing.ts'
import { type Encoded, EventTooLarge, shrink } from './shrink.ts'
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
interface Item<Entry> extends Encoded<Entry> {
  /** Its place in the batch, and so its outcome's. */
  readonly index: number
}

/** One batch, by the places of its deliveries. */
interface Shipment {
  readonly outcomes: (Outcome | undefined)[]
  /** Whether anything of it has ever gone out. */
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
  const encode = (event: CloudEvent) => sink.encode(form(event))
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
      return sendShrunk(first, first.entry.bytes - 1, shipment, error.message)
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

  /** By itself, so that nobody waits for a store of large data. */
  async function sendShrunk(item: Item<Entry>, most: number, shipment: Shipment, limit: string): Promise<void> {
    const { outcomes, sent, signal } = shipment
    const { index } = item
    sent[index] = true
    let smaller: Encoded<Entry>
    try {
      smaller = await shrink(item, most, { steps, encode, log, signal, limit })
    } catch (error) {
      // a store of large data that fails is no reason for another event to wait
      outcomes[index] = error instanceof EventTooLarge ? outcomeOfTooLarge(error) : failed(error)
      return
    }
    await send([{ ...smaller, index }], shipment)
  }

  async function put(batch: readonly Delivery[], shipment: Shipment): Promise<void> {
    const items: Item<Entry>[] = []
    for (const [index, delivery] of batch.entries()) {
      try {
        const event = cloudEvent(delivery)
        items.push({ index, event, entry: encode(event), step: 0 })
      } catch (error) {
        shipment.outcomes[index] = { ...failed(error), permanent: true }
      }
    }
    const large = items.filter(({ entry }) => entry.bytes > maxBytes)
    const small = large.length === 0 ? items : items.filter(({ entry }) => entry.bytes <= maxBytes)
    const limit = `a request holds ${maxBytes} bytes`
    await Promise.all([
      sendAll(small, requestBytes, shipment),
      ...large.map((item) => sendShrunk(item, maxBytes, shipment, limit)),
    ])
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
function unlessAborted(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve()
    signal.addEventListener('abort', onAbort)
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
  })
}
