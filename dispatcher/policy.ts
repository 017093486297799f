import type { Claim, Problem, Result } from './queue/queue.ts'
import type { Outcome } from './target.ts'

/** How often, how fast and how long a trigger tries; from the trigger's `delivery` settings. */
export interface DeliveryPolicy {
  /** The first one counts; null = no limit but age. */
  readonly attempts: number | null
  readonly backoff: { readonly initialMs: number; readonly maxMs: number }
  /** From the first failed attempt. */
  readonly maxAgeMs: number
  readonly timeoutMs: number
  /** Deliveries at once, over all dispatchers. */
  readonly concurrency: number
  readonly rate?: { readonly perSecond: number; readonly burst: number }
}

/** What a failed delivery of `claim.entries[delivered]` comes to. `elapsedMs`: since the claim was taken. */
export function afterFailure(
  policy: DeliveryPolicy,
  claim: Claim,
  delivered: number,
  failure: { readonly problem: Problem; readonly permanent?: boolean; readonly retryAfterMs?: number },
  elapsedMs: number,
  random: () => number,
): Result {
  const again = claim.entries[delivered]?.id === claim.failedId
  const attempts = (again ? claim.attempts : 0) + 1
  const failingForMs = again ? claim.failingForMs + elapsedMs : 0
  const { problem } = failure
  if (
    failure.permanent ||
    (policy.attempts !== null && attempts >= policy.attempts) ||
    failingForMs >= policy.maxAgeMs
  ) {
    return { what: 'dead', claim, delivered, attempts, problem }
  }
  const delayMs = Math.max(failure.retryAfterMs ?? 0, backoffMs(policy, attempts, random))
  return { what: 'park', claim, delivered, attempts, problem, delayMs }
}

/** Doubles from `initialMs` to `maxMs`; half of it jitter, so that what failed together does not come back together. */
export function backoffMs(policy: DeliveryPolicy, attempts: number, random: () => number): number {
  const { initialMs, maxMs } = policy.backoff
  const full = Math.min(maxMs, initialMs * 2 ** Math.min(attempts - 1, 40))
  return full / 2 + (full / 2) * random()
}

/** Anything thrown, as it is kept. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Error) {
    return { name: thrown.name, message: thrown.message, ...(thrown.stack !== undefined && { stack: thrown.stack }) }
  }
  return { name: 'Error', message: String(thrown) }
}

export function failed(thrown: unknown, failure: 'entry' | 'target' = 'entry'): Outcome {
  return { ok: false, failure, error: problemOf(thrown) }
}
