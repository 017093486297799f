/** Thrown by a handler: try again, but not before `retryAfterSeconds`. Counts as an attempt. */
export class TemporaryError extends Error {
  override readonly name = 'TemporaryError'
  readonly retryAfterSeconds: number

  constructor(message: string, options: { retryAfterSeconds: number; cause?: unknown }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** Thrown by a handler: trying again is of no use. The delta goes to the dead letters now, the object's next one is delivered. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
  }
}

/** What an error asks for. By name, not class: a functions folder may have its own copy of this package. */
export type ErrorOutcome = { outcome: 'dead' } | { outcome: 'retry'; retryAfterSeconds?: number }

/** From anything thrown to a decision. A delay that makes no sense is none: the policy's backoff holds. */
export function outcomeOfError(error: unknown): ErrorOutcome {
  if (!(error instanceof Error)) return { outcome: 'retry' }
  if (error.name === 'PermanentError') return { outcome: 'dead' }
  if (error.name === 'TemporaryError' && 'retryAfterSeconds' in error) {
    const seconds = error.retryAfterSeconds
    if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0)
      return { outcome: 'retry', retryAfterSeconds: seconds }
  }
  return { outcome: 'retry' }
}
