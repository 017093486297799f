import { DescribeEventBusCommand, EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import type { Logger } from 'pino'
import type { Delivery, Outcome, Target } from '../target.ts'
import {
  faultOf,
  type Item,
  itemOf,
  MAX_ENTRIES,
  MAX_REQUEST_BYTES,
  OLD_REQUEST_BYTES,
  pack,
  withoutOld,
} from './eventbridge-entry.ts'
import { failed, invalid, outcomeOfAbort, outcomeOfCall, outcomeOfEntry, tooLarge } from './eventbridge-outcome.ts'

export interface EventBridgeSettings {
  /** Name or ARN. */
  readonly bus: string
  /** Else as AWS finds it: AWS_REGION, the profile. */
  readonly region?: string | undefined
  /** For emulators and VPC endpoints. */
  readonly endpoint?: string | undefined
}

export interface EventBridgeOptions {
  readonly log?: Pick<Logger, 'warn'>
  /** Of one attempt; there are two. */
  readonly requestTimeoutMs?: number
}

/** A target that can tell beforehand that deliveries would fail. */
export interface CheckableTarget extends Target {
  /** Rejects with a `BusCheckError` when nothing sent would arrive. */
  check(signal: AbortSignal): Promise<void>
}

/** `NotFound`: what is sent is lost. `Forbidden`: we may not look, which says nothing about sending. `Unavailable`: no answer, or no credentials. */
export class BusCheckError extends Error {
  override readonly name = 'BusCheckError'
  readonly reason: 'NotFound' | 'Forbidden' | 'Unavailable'

  constructor(reason: BusCheckError['reason'], message: string, cause: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

/** Sends deltas to an EventBridge event bus. Credentials are found the AWS way. */
export function eventBridgeTarget(
  settings: EventBridgeSettings,
  { log, requestTimeoutMs = 5000 }: EventBridgeOptions = {},
): CheckableTarget {
  const { bus } = settings
  const client = clientOf(settings, requestTimeoutMs)
  let requestBytes = MAX_REQUEST_BYTES
  let closed = false

  /** Tells the outcome of each item, however many requests that takes; none for what was aborted. */
  async function send(items: readonly Item[], tell: Tell, signal: AbortSignal): Promise<void> {
    try {
      const Entries = items.map((item) => item.entry)
      const results = await client.send(new PutEventsCommand({ Entries }), { abortSignal: signal })
      for (const [position, item] of items.entries()) tell(item, outcomeOfEntry(results.Entries?.[position]))
    } catch (error) {
      if (signal.aborted) return
      if (tooLarge(error)) await sendSmaller(items, error, tell, signal)
      else if (invalid(error)) await sendApart(items, error, tell, signal)
      else for (const item of items) tell(item, outcomeOfCall(error))
    }
  }

  async function sendSmaller(items: readonly Item[], error: unknown, tell: Tell, signal: AbortSignal): Promise<void> {
    const [first] = items
    if (first !== undefined && items.length === 1) return sendWithoutOld(first, error, tell, signal)
    const bytes = items.reduce((sum, item) => sum + item.bytes, 0)
    if (bytes > OLD_REQUEST_BYTES && requestBytes > OLD_REQUEST_BYTES) {
      requestBytes = OLD_REQUEST_BYTES
      log?.warn(
        { bus, bytes, requestBytes, err: error },
        'request too large for the bus, sending smaller ones from now on',
      )
    }
    await sendAll(pack(items, Math.min(requestBytes, bytes / 2)), tell, signal)
  }

  async function sendWithoutOld(item: Item, error: unknown, tell: Tell, signal: AbortSignal): Promise<void> {
    const smaller = shrunk(item)
    if (smaller === undefined) tell(item, oversize(item, error))
    else await send([smaller], tell, signal)
  }

  /** The call names no entry, so each goes alone: one that cannot be sent must not hold up the others. */
  async function sendApart(items: readonly Item[], error: unknown, tell: Tell, signal: AbortSignal): Promise<void> {
    const [first] = items
    if (first !== undefined && items.length === 1) return tell(first, failed('entry', error))
    await sendAll(
      items.map((item) => [item]),
      tell,
      signal,
    )
  }

  async function sendAll(requests: readonly (readonly Item[])[], tell: Tell, signal: AbortSignal): Promise<void> {
    await Promise.all(requests.map((request) => send(request, tell, signal)))
  }

  /** Credentials come first: a timeout while they are fetched is none of the entries'. */
  async function put(batch: readonly Delivery[], outcomes: Outcome[], signal: AbortSignal): Promise<void> {
    const tell: Tell = (item, outcome) => {
      outcomes[item.index] = outcome
    }
    const items: Item[] = []
    for (const [index, delivery] of batch.entries()) {
      const prepared = prepare(delivery, index)
      if ('entry' in prepared) items.push(prepared)
      else outcomes[index] = prepared
    }
    if (items.length === 0) return
    await client.config.credentials()
    await sendAll(pack(items, requestBytes), tell, signal)
  }

  /** What can be sent, or why it never can. */
  function prepare(delivery: Delivery, index: number): Item | Outcome {
    try {
      const whole = itemOf(delivery, index, bus)
      const fault = faultOf(whole.entry)
      if (fault !== undefined) return failed('entry', new Error(fault), true)
      if (whole.bytes <= MAX_REQUEST_BYTES) return whole
      const smaller = shrunk(whole) ?? whole
      return smaller.bytes <= MAX_REQUEST_BYTES ? smaller : oversize(smaller)
    } catch (error) {
      return failed('entry', error, true)
    }
  }

  function shrunk(item: Item): Item | undefined {
    const smaller = withoutOld(item)
    if (smaller === undefined) return undefined
    const { cluster, namespace, name, trigger, id: deltaId } = item.event
    log?.warn(
      { bus, cluster, namespace, name, trigger, deltaId, bytes: item.bytes },
      'event too large, sent without old',
    )
    return smaller
  }

  return {
    maxBatch: MAX_ENTRIES,

    async deliver(batch, signal) {
      const outcomes: Outcome[] = []
      let otherwise = (): Outcome => outcomeOfAbort(signal.reason)
      try {
        if (closed) throw new Error('the sink is closed')
        await unlessAborted(() => put(batch, outcomes, signal), signal)
      } catch (error) {
        otherwise = () => failed('target', error)
      }
      return batch.map((_, index) => outcomes[index] ?? otherwise())
    },

    async check(signal) {
      try {
        const command = new DescribeEventBusCommand({ Name: bus })
        await unlessAborted(() => client.send(command, { abortSignal: signal }), signal)
        signal.throwIfAborted()
      } catch (error) {
        signal.throwIfAborted()
        const region = await client.config.region().catch(() => undefined)
        throw checkError(error, bus, region ?? 'no region (set region or AWS_REGION)')
      }
    },

    async close() {
      closed = true
      client.destroy()
    },
  }
}

type Tell = (item: Item, outcome: Outcome) => void

function clientOf({ region, endpoint }: EventBridgeSettings, requestTimeout: number): EventBridgeClient {
  const agent = { keepAlive: true, maxSockets: 50 }
  return new EventBridgeClient({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    // One quick retry, for kept connections that the other side has closed; the rest of retrying is the dispatcher's.
    retryMode: 'standard',
    maxAttempts: 2,
    cacheMiddleware: true,
    // Without throwOnRequestTimeout the SDK only warns, and a connection that died silently hangs for ever.
    requestHandler: {
      connectionTimeout: 1000,
      requestTimeout,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  })
}

function oversize({ bytes, event }: Item, cause?: unknown): Outcome {
  const limit = cause === undefined ? `EventBridge takes ${MAX_REQUEST_BYTES}` : 'EventBridge refused it for its size'
  const message = `${event.kind} ${event.subject} makes an event of ${bytes} bytes without old, and ${limit}; a claim check is not supported yet`
  return failed('entry', Object.assign(new Error(message, { cause }), { name: 'EventTooLarge' }), true)
}

/** Runs until done or aborted; fetching credentials and the SDK's pause between attempts know no signal. */
async function unlessAborted(work: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
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

function checkError(error: unknown, bus: string, region: string): BusCheckError {
  const { name, message } = error as Error
  if (name === 'ResourceNotFoundException') {
    const fix =
      'create it or correct the name: to a bus that does not exist, EventBridge reports success and loses every event'
    return new BusCheckError('NotFound', `event bus ${bus} does not exist in ${region}; ${fix}`, error)
  }
  const reason = /^(AccessDenied|NotAuthorized)/.test(name) ? 'Forbidden' : 'Unavailable'
  return new BusCheckError(reason, `event bus ${bus} in ${region} could not be looked up: ${name}: ${message}`, error)
}
