import { problemOf } from '../policy.ts'
import type { Outcome } from '../target.ts'
import type { EventTooLarge } from './shrink.ts'
import type { SinkError, SinkErrorReason } from './sink.ts'

type Failure = Extract<Outcome, { ok: false }>

/**
 * Whose failure it is when a request fails. Settings and rights are the sink's, whichever event is sent: a wrong policy must
 * not empty a sink into the dead letters.
 */
const failureOf: Record<SinkErrorReason, Failure['failure']> = {
  NotFound: 'target',
  Misconfigured: 'target',
  Forbidden: 'target',
  Throttled: 'target',
  Unavailable: 'target',
  Gone: 'target',
  // it may be why there was no answer, so it must not come again for ever
  NoAnswer: 'entry',
  // alone in its request: it is this one
  Invalid: 'entry',
  TooLarge: 'entry',
}

/** Of a request that failed as a whole: for every delivery that was in it. */
export function outcomeOfRequest(error: SinkError): Failure {
  const { reason, message, retryAfterMs, cause } = error
  return {
    ok: false,
    failure: failureOf[reason],
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    error: cause instanceof Error ? problemOf(cause) : { name: reason, message },
  }
}

/** It stays so, however often it is tried. */
export function outcomeOfTooLarge({ name, message }: EventTooLarge): Failure {
  return { ok: false, failure: 'entry', permanent: true, error: { name, message } }
}

/**
 * Shutdown and reload end what is in flight without counting it; so does a deadline that passes before anything was sent. One
 * that passes afterwards is a timeout without an answer.
 */
export function outcomeOfAbort(reason: unknown, sent = false): Failure {
  const unanswered = sent && (reason as Error | undefined)?.name === 'TimeoutError'
  return { ok: false, failure: unanswered ? 'entry' : 'target', error: problemOf(reason) }
}
