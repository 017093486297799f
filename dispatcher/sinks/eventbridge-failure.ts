import type { Outcome } from '../target.ts'
import { SinkError, type SinkErrorReason } from './sink.ts'

/** What PutEvents says of one entry. */
export interface EntryResult {
  readonly EventId?: string | undefined
  readonly ErrorCode?: string | undefined
  readonly ErrorMessage?: string | undefined
}

/** What is read of anything that a call threw. */
interface CallError {
  name?: string
  message?: string
  code?: string
  syscall?: string
  errors?: unknown
  $metadata?: { httpStatusCode?: number }
  $response?: { headers?: Record<string, string> }
}

/** EventBridge's own, and what its front ends say instead. */
const THROTTLING = /^(Throttl|TooManyRequests|RequestLimitExceeded|LimitExceeded|SlowDown|BandwidthLimitExceeded)/

/** The delta is at fault, so it stays so. */
const FINAL = new Set(['InvalidArgument', 'MalformedDetail', 'RedactionFailure'])

/** Credentials that are of no use, or not any more. */
const CREDENTIALS =
  /^(UnrecognizedClient|ExpiredToken|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|RequestExpired|CredentialsProvider)/

/**
 * The sink's settings or rights are at fault, whichever delta is sent. AWS calls these final;
 * for us they are the target's, or a wrong policy would empty the sink into the dead letters.
 */
const SETTINGS = /^(AccessDenied|NotAuthorized|InvalidAccountId|ResourceNotFound)/

export function outcomeOfEntry(result: EntryResult | undefined): Outcome {
  if (result?.EventId) return { ok: true }
  const name = result?.ErrorCode || 'NoAnswer'
  const message = result?.ErrorMessage || (result?.ErrorCode ?? 'EventBridge answered nothing for this entry')
  const ofTarget = [THROTTLING, SETTINGS, CREDENTIALS].some((pattern) => pattern.test(name)) || aboutBus(message)
  return {
    ok: false,
    failure: ofTarget ? 'target' : 'entry',
    ...(!ofTarget && FINAL.has(name) && { permanent: true }),
    error: { name, message },
  }
}

/** Of a call that gave no results. */
export function callError(thrown: unknown): SinkError {
  const { message } = thrown as CallError
  const retryAfterMs = retryAfter(thrown as CallError)
  return new SinkError(reasonOf(thrown as CallError), message || String(thrown), { cause: thrown, retryAfterMs })
}

/** With other credentials it may work. */
export function refusesCredentials(thrown: unknown): boolean {
  return CREDENTIALS.test((thrown as CallError).name ?? '')
}

function reasonOf(error: CallError): SinkErrorReason {
  const { name = '', message = '', $metadata } = error
  const status = $metadata?.httpStatusCode
  // the body of such a 413 is empty
  if (status === 413 || (name === 'ValidationException' && /total size/i.test(message))) return 'TooLarge'
  if (name === 'ValidationException' && !aboutBus(message)) return 'Invalid'
  if (unanswered(error)) return 'NoAnswer'
  if (THROTTLING.test(name) || status === 429) return 'Throttled'
  return SETTINGS.test(name) || CREDENTIALS.test(name) ? 'Forbidden' : 'Unavailable'
}

function aboutBus(message: string): boolean {
  return /eventBusName/i.test(message)
}

/**
 * The request went out and nothing came back: it may have been accepted, and this entry may be why.
 * Not a connection that was never made: Node has `syscall: 'connect'` there, or one error per address; the SDK no code.
 */
function unanswered({ name, code, syscall, errors }: CallError): boolean {
  return name === 'TimeoutError' && code === 'ETIMEDOUT' && syscall !== 'connect' && errors === undefined
}

function retryAfter({ $response }: CallError): number | undefined {
  const after = Number($response?.headers?.['retry-after'])
  return after > 0 ? after * 1000 : undefined
}
