import {
  DescribeEventBusCommand,
  EventBridgeClient,
  type EventBridgeClientConfig,
  PutEventsCommand,
} from '@aws-sdk/client-eventbridge'
import type { EventBridgeSettings } from '../../core/config/settings.ts'
import { type EventBridgeEntry, entryOf } from './eventbridge-entry.ts'
import { callError, outcomeOfEntry, refusesCredentials } from './eventbridge-failure.ts'
import { type Sink, SinkError, type SinkLimits } from './sink.ts'

export interface EventBridgeOptions {
  /** Of one attempt; there are two. */
  readonly requestTimeoutMs?: number
}

export const eventBridgeLimits: SinkLimits = {
  entries: 10,
  // "Less than 1 MB" says the documentation; 1 MiB is accepted, but the envelope that EventBridge adds then makes some
  // targets drop the event. This is right for every reading, and leaves room.
  bytes: 1_000_000,
  // the limit until 2026-01, and still that of some regions
  lowerBytes: 262_144,
  ordered: false,
  dedupes: false,
}

/** Sends events to an EventBridge event bus. Credentials are found the AWS way. */
export function eventBridgeSink(
  settings: EventBridgeSettings,
  { requestTimeoutMs = 5000 }: EventBridgeOptions = {},
): Sink<EventBridgeEntry> {
  const { bus } = settings
  let client = clientOf(settings, requestTimeoutMs)
  let retired: EventBridgeClient | undefined

  /** A client keeps the credentials it has found; new ones are heard of by another client. What the old one sends may end. */
  function renew(refused: EventBridgeClient): void {
    if (refused !== client) return
    retired?.destroy()
    retired = client
    client = clientOf(settings, requestTimeoutMs)
  }

  return {
    limits: eventBridgeLimits,

    encode: (event) => entryOf(event, bus),

    async send(entries, abortSignal) {
      const used = client
      try {
        // first, for a timeout while they are fetched is none of the entries'
        await used.config.credentials()
        const { Entries = [] } = await used.send(putEvents(entries), { abortSignal })
        return entries.map((_, position) => outcomeOfEntry(Entries[position]))
      } catch (error) {
        if (refusesCredentials(error)) renew(used)
        throw callError(error)
      }
    },

    async check(abortSignal) {
      const used = client
      try {
        await used.send(new DescribeEventBusCommand({ Name: bus }), { abortSignal })
      } catch (error) {
        abortSignal.throwIfAborted()
        if (refusesCredentials(error)) renew(used)
        const region = await used.config.region().catch(() => undefined)
        throw checkError(error, bus, region ?? 'no region (set region or AWS_REGION)')
      }
    },

    async close() {
      retired?.destroy()
      client.destroy()
    },
  }
}

function clientOf(
  { bus, region = regionOf(bus), endpoint }: EventBridgeSettings,
  requestTimeout: number,
): EventBridgeClient {
  const agent = { keepAlive: true, maxSockets: 50 }
  const config: EventBridgeClientConfig & { readonly ignoreCache: boolean } = {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    // handed on to the credentials' provider: the SDK would read the shared files once per process
    ignoreCache: true,
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
  }
  const client = new EventBridgeClient(config)
  client.middlewareStack.add(
    (next) => (args) => {
      if (args.input instanceof Ready) (args.request as { body: string }).body = args.input.body
      return next(args)
    },
    // before its length and its signature are taken
    { step: 'build', priority: 'high', name: 'readyBody' },
  )
  return client
}

/** The input of a PutEvents whose body is there already: the SDK's own writer goes over it character by character, which costs as much as signing and sending it. */
class Ready {
  readonly Entries = []
  readonly body: string

  constructor(entries: readonly EventBridgeEntry[]) {
    this.body = `{"Entries":[${entries.map(({ json }) => json).join(',')}]}`
  }
}

function putEvents(entries: readonly EventBridgeEntry[]): PutEventsCommand {
  return new PutEventsCommand(new Ready(entries))
}

/** `arn:aws:events:eu-west-1:123456789012:event-bus/k8s` */
function regionOf(bus: string): string | undefined {
  return bus.startsWith('arn:') ? bus.split(':')[3] : undefined
}

function checkError(error: unknown, bus: string, region: string): SinkError {
  const { name, message } = error as Error
  if (name === 'ResourceNotFoundException') {
    const fix =
      'create it or correct the name: to a bus that does not exist, EventBridge reports success and loses every event'
    return new SinkError('NotFound', `event bus ${bus} does not exist in ${region}; ${fix}`, { cause: error })
  }
  const reason = /^(AccessDenied|NotAuthorized)/.test(name) ? 'Forbidden' : 'Unavailable'
  return new SinkError(reason, `event bus ${bus} in ${region} could not be looked up: ${name}: ${message}`, {
    cause: error,
  })
}
