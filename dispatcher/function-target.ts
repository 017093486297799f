import type { Context } from '../core/context.ts'
import { outcomeOfError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Handler } from '../core/on.ts'
import { failed } from './policy.ts'
import type { Delivery, Outcome, Target } from './target.ts'

/**
 * Runs a function's handler, one delta per call. `handler` is asked anew for each delivery, so that a reload takes effect with
 * the next one while what runs is finished by the version it began with.
 */
export function functionTarget(handler: () => Handler<unknown>, log: Log): Target {
  let closed = false

  async function run(delivery: Delivery, signal: AbortSignal): Promise<Outcome> {
    if (closed) return failed(new Error('the function is closed'), 'target')
    if (signal.aborted) return outcomeOfAbort(signal.reason)
    const given = Promise.withResolvers<Outcome>()
    const onAbort = () => given.resolve(outcomeOfAbort(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    // what it comes to after it was given up is nobody's any more
    attempt(handler(), delivery, contextOf(delivery, log, signal)).then(given.resolve)
    try {
      return await given.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    maxBatch: 1,
    deliver: (batch, signal) => Promise.all(batch.map((delivery) => run(delivery, signal))),
    async close() {
      closed = true
    },
  }
}

/** Never rejects. */
async function attempt(handler: Handler<unknown>, { delta }: Delivery, context: Context): Promise<Outcome> {
  try {
    await handler(delta, context)
    return { ok: true }
  } catch (error) {
    // aborted: the reason decides, whatever the handler made of it
    if (context.signal.aborted) return outcomeOfAbort(context.signal.reason)
    const decision = outcomeOfError(error)
    if (decision.outcome === 'dead') return { ...failed(error), permanent: true }
    const { retryAfterSeconds } = decision
    return { ...failed(error), ...(retryAfterSeconds !== undefined && { retryAfterMs: retryAfterSeconds * 1000 }) }
  }
}

function contextOf({ delta, trigger, attempt, deliveryId }: Delivery, log: Log, signal: AbortSignal): Context {
  const { cluster, gvk, namespace, name, id: deltaId } = delta
  return {
    log: log.child({ cluster, gvk, namespace, name, trigger, deltaId, attempt }),
    signal,
    attempt,
    deliveryId,
    trigger,
  }
}

/** Its time is over: that is the handler's failure, and counts. Any other abort is shutdown's, and does not. */
function outcomeOfAbort(reason: unknown): Outcome {
  if ((reason as { name?: unknown } | undefined)?.name !== 'TimeoutError') return failed(reason, 'target')
  const error = new Error(
    'the handler did not settle in time (delivery.timeoutSeconds); hand context.signal to what it waits for',
  )
  error.name = 'TimeoutError'
  return failed(error)
}
