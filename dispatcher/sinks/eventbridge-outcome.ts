import type { Outcome } from '../target.ts'

type Failure = Extract<Outcome, { ok: false }>
type FailureOf = Omit<Failure, 'ok' | 'error'>

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
  stack?: string
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

/**
 * The sink's settings or rights are at fault, whichever delta is sent. AWS calls these final;
 * for us they are the target's, or a wrong policy would empty the sink into the dead letters.
 */
const SETTINGS = /^(AccessDenied|NotAuthorized|UnrecognizedClient|ExpiredToken|InvalidAccountId|ResourceNotFound)/

export function outcomeOfEntry(result: EntryResult | undefined): Outcome {
  if (result?.EventId) return { ok: true }
  const name = result?.ErrorCode || 'NoAnswer'
  const message = result?.ErrorMessage || (result?.ErrorCode ?? 'EventBridge answered nothing for this entry')
  return { ok: false, ...failureOfEntry(name, message), error: { name, message } }
}

function failureOfEntry(name: string, message: string): FailureOf {
  if (THROTTLING.test(name) || SETTINGS.test(name) || aboutBus(message)) return { failure: 'target' }
  return FINAL.has(name) ? { failure: 'entry', permanent: true } : { failure: 'entry' }
}

/** Of a call that gave no results: for every delivery that was in it. */
export function outcomeOfCall(thrown: unknown): Failure {
  const error = thrown as CallError
  if (unanswered(error)) return failed('entry', thrown)
  const retryAfterMs = retryAfter(error)
  return { ...failed('target', thrown), ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

/**
 * Shutdown and reload end what is in flight without counting it; a deadline that passes is a timeout without an answer.
 */
export function outcomeOfAbort(reason: unknown): Failure {
  return failed((reason as CallError)?.name === 'TimeoutError' ? 'entry' : 'target', reason)
}

export function failed(failure: Failure['failure'], thrown: unknown, permanent?: true): Failure {
  const { name, message, stack } = (thrown instanceof Error ? thrown : new Error(String(thrown))) as Error
  const error = { name, message: message || name, ...(stack !== undefined && { stack }) }
  return { ok: false, failure, ...(permanent && { permanent }), error }
}

/** The call was refused for its size; the body of such a 413 is empty. */
export function tooLarge(thrown: unknown): boolean {
  const { name, message, $metadata } = thrown as CallError
  return $metadata?.httpStatusCode === 413 || (name === 'ValidationException' && /total size/i.test(message ?? ''))
}

/** One of the entries makes the whole call fail; alone in a call, it is found out. */
export function invalid(thrown: unknown): boolean {
  const { name, message } = thrown as CallError
  return name === 'ValidationException' && !aboutBus(message ?? '')
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
