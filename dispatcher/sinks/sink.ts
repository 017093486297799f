import type { Outcome } from '../target.ts'
import type { WireEvent } from './cloudevent.ts'

/** What never changes about a sink. */
export interface SinkLimits {
  /** Of one request. */
  readonly entries: number
  /** Of one request, all entries together. */
  readonly bytes: number
  /** What some of its kind take instead: kept to from the first request on that was refused for its size. */
  readonly lowerBytes?: number
  /** Whether it keeps the events of one `partitionkey` in the order in which they were sent. */
  readonly ordered: boolean
  /** Whether it drops an event whose `dedupekey` it has seen lately. */
  readonly dedupes: boolean
}

/** One event as a sink sends it. */
export interface SinkEntry {
  /** What it adds to a request. */
  readonly bytes: number
}

/**
 * What sends events somewhere: an adapter, one of each kind in a file of its own, and the only one to import the library that it
 * needs. What all have in common stands above it, in `event-target.ts`: batches, events that are too large, refused
 * requests that must be divided, throttling.
 */
export interface Sink<Entry extends SinkEntry> {
  readonly limits: SinkLimits
  /** Pure. Throws when the event can never be sent. */
  encode(event: WireEvent): Entry
  /**
   * One request: of different objects, and within the limits. One outcome per entry in their order, or a SinkError when the
   * request failed as a whole; whatever else it throws counts as `Unavailable`.
   */
  send(entries: readonly Entry[], signal: AbortSignal): Promise<readonly Outcome[]>
  /** Rejects with a SinkError when nothing that was sent would arrive. */
  check(signal: AbortSignal): Promise<void>
  /** Nothing is being sent any more. */
  close(): Promise<void>
}

export type SinkErrorReason =
  /** It does not exist: what is sent is lost. */
  | 'NotFound'
  /** Our own settings cannot work. */
  | 'Misconfigured'
  /** It refuses us, or we may not look: credentials, rights. */
  | 'Forbidden'
  /** Too much for it at the moment. */
  | 'Throttled'
  /** No connection, or it says itself that it cannot. */
  | 'Unavailable'
  /** Sent, and no answer came: it may have arrived, and one of its entries may be why. */
  | 'NoAnswer'
  /** The request is refused for its size. */
  | 'TooLarge'
  /** The request is refused for something that is in it. */
  | 'Invalid'
  /** It wants nothing from us any more. */
  | 'Gone'

/** A request that failed as a whole, or a check that did not pass. */
export class SinkError extends Error {
  override readonly name = 'SinkError'
  readonly reason: SinkErrorReason
  /** Not before this long from now. */
  readonly retryAfterMs: number | undefined

  constructor(
    reason: SinkErrorReason,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.reason = reason
    this.retryAfterMs = options.retryAfterMs
  }
}
