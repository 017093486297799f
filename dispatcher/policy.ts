import type { DeliverySettings } from '../core/config/settings.ts'
import type { Claim, FailureResult, Problem } from './queue/queue.ts'
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

/** From the defaults of a function or a sink; of what people wrote, the more particular wins field by field. */
export function deliveryPolicy(
  target: 'function' | 'sink',
  general: DeliverySettings,
  own: DeliverySettings = {},
): DeliveryPolicy {
  const given = { ...defined(general), ...defined(own) }
  const backoff = { initialSeconds: 1, maxSeconds: 300, ...defined(general.backoff), ...defined(own.backoff) }
  const initialMs = backoff.initialSeconds * 1000
  const { rate } = given
  return {
    attempts: given.attempts === undefined ? (target === 'function' ? 20 : null) : given.attempts,
    backoff: { initialMs, maxMs: Math.max(initialMs, backoff.maxSeconds * 1000) },
    maxAgeMs: (given.maxAgeSeconds ?? 86_400) * 1000,
    timeoutMs: (given.timeoutSeconds ?? 20) * 1000,
    // a sink that batches has its batches filled from this
    concurrency: given.concurrency ?? (target === 'function' ? 16 : 200),
    ...(rate && { rate: { perSecond: rate.perSecond, burst: Math.max(1, rate.burst ?? rate.perSecond) } }),
  }
}

function defined<T extends object>(given: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>
}

/** What a failed delivery of `claim.entries[delivered]` comes to. `elapsedMs`: since the claim was taken. */
export function afterFailure(
  policy: DeliveryPolicy,
  claim: Claim,
  delivered: number,
  failure: { readonly problem: Problem; readonly permanent?: boolean; readonly retryAfterMs?: number },
  elapsedMs: number,
  random: () => number,
): FailureResult {
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
function backoffMs(policy: DeliveryPolicy, attempts: number, random: () => number): number {
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

export function failed(thrown: unknown, failure: 'entry' | 'target' = 'entry'): Extract<Outcome, { ok: false }> {
  return { ok: false, failure, error: problemOf(thrown) }
}
