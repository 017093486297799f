import type { NameTag } from '../core/filter.ts'
import type { Log } from '../core/log.ts'
import type { DeliveryMetrics, DeliveryOutcome } from './delivery-metrics.ts'
import { deltaOfEntry } from './delta-of-entry.ts'
import type { Held, InHand } from './in-hand.ts'
import type { Pace } from './pace.ts'
import { afterFailure, type DeliveryPolicy, failed } from './policy.ts'
import type { Delivery, Outcome, Target } from './target.ts'

/** What delivering needs to know of a trigger. */
export interface DeliveringContext {
  readonly target: Target
  readonly trigger: { readonly id: string; readonly name: string }
  /** Read anew for every turn: settings may change while a drain runs. */
  readonly policy: () => DeliveryPolicy
  /** Whether the trigger still wants it: its definition may have changed since the delta was matched. */
  readonly wants: (delta: NameTag) => boolean
  readonly log: Log
  readonly metrics?: DeliveryMetrics
  readonly random: () => number
}

/** What the target's own state has shown, for the queue's breaker. */
export interface Breaker {
  readonly open: boolean
  readonly notBeforeMs: number
}

/** Hands what a drain holds to the target, and turns outcomes into results for the queue. */
export class Delivering {
  readonly #c: DeliveringContext
  readonly #hand: InHand
  readonly #pace: Pace
  readonly #stop: AbortSignal
  readonly #abort: AbortSignal
  readonly #onSettled: () => void
  /** One per call of the target that is under way. */
  readonly #ends = new Set<AbortController>()
  /** How many may run at once, and until when any may begin. */
  #grant = 1
  #until = 0
  #running = 0
  #breaker: Breaker | undefined

  constructor(
    context: DeliveringContext,
    { hand, pace, stop, abort }: { hand: InHand; pace: Pace; stop: AbortSignal; abort: AbortSignal },
    onSettled: () => void,
  ) {
    this.#c = context
    this.#hand = hand
    this.#pace = pace
    this.#stop = stop
    this.#abort = abort
    this.#onSettled = onSettled
    abort.addEventListener('abort', () => {
      for (const end of this.#ends) end.abort(abort.reason)
    })
  }

  get running(): number {
    return this.#running
  }

  get breaker(): Breaker | undefined {
    return this.#breaker
  }

  /** The queue knows. */
  told(breaker: Breaker | undefined): void {
    if (this.#breaker === breaker) this.#breaker = undefined
  }

  grant(most: number): void {
    this.#grant = Math.max(1, most)
  }

  /** The lease allows deliveries to begin until then. */
  allow(until: number): void {
    this.#until = until
  }

  /** Begins as many deliveries as are granted. */
  pump(): void {
    while (this.#running < this.#grant && this.#hand.waiting > 0 && performance.now() < this.#until) {
      const room = Math.min(this.#c.target.maxBatch, this.#grant - this.#running)
      void this.deliver(this.#hand.next(room))
    }
  }

  /** Delivers the next delta of each; settles each by its own outcome. Never rejects. */
  async deliver(batch: readonly Held[]): Promise<void> {
    this.#running += batch.length
    const outcomes = new Map<Held, Outcome>()
    const sent: Held[] = []
    const deliveries: Delivery[] = []
    const filtered = new Set<Held>()
    for (const held of batch) {
      try {
        const delivery = this.#delivery(held)
        if (!this.#c.wants(delivery.delta)) {
          outcomes.set(held, { ok: true })
          filtered.add(held)
        } else {
          deliveries.push(delivery)
          sent.push(held)
        }
      } catch (error) {
        outcomes.set(held, failed(error))
      }
    }
    if (sent.length > 0) {
      const answers = await this.#send(deliveries)
      sent.forEach((held, i) => {
        outcomes.set(held, answers[i] ?? failed(new Error('the target gave no outcome for this delta')))
      })
    }
    this.#running -= batch.length
    for (const held of batch) this.#settle(held, outcomes.get(held)!, filtered.has(held))
    this.pump()
    if (this.#hand.results.length > 0 || this.#running === 0) this.#onSettled()
  }

  async #send(deliveries: readonly Delivery[]): Promise<readonly Outcome[]> {
    const end = new AbortController()
    if (this.#abort.aborted) end.abort(this.#abort.reason)
    // AbortSignal.timeout and any would do the same, at a tenth of all that a short delivery costs: they stay until they ring
    const timer = setTimeout(() => end.abort(timeoutError()), this.#c.policy().timeoutMs)
    this.#ends.add(end)
    const startedAt = performance.now()
    try {
      return await this.#c.target.deliver(deliveries, end.signal)
    } catch (error) {
      return deliveries.map(() => failed(error))
    } finally {
      clearTimeout(timer)
      const seconds = (performance.now() - startedAt) / 1_000
      this.#c.metrics?.answered(this.#c.trigger.name, seconds, deliveries.length)
      this.#ends.delete(end)
    }
  }

  #delivery(held: Held): Delivery {
    const { trigger } = this.#c
    const entry = held.claim.entries[held.delivered]!
    return {
      deliveryId: `${trigger.name}/${entry.cluster}/${entry.id}`,
      trigger: trigger.name,
      delta: deltaOfEntry(entry, held.payloads),
      resource: entry.resource,
      attempt: entry.id === held.claim.failedId ? held.claim.attempts + 1 : 1,
    }
  }

  #settle(held: Held, outcome: Outcome, filtered: boolean): void {
    const { claim, takenAt } = held
    const hand = this.#hand
    // given away meanwhile: whoever holds it now tells
    if (!hand.holds(held)) return
    if (outcome.ok) {
      this.#count(held, filtered ? 'filtered' : 'ok')
      held.delivered++
      this.#pace.delivered()
      this.#breaker ??= { open: false, notBeforeMs: 0 }
      if (held.delivered === claim.entries.length) hand.settle({ what: 'ok', claim, delivered: held.delivered })
      else if (this.#stop.aborted) hand.settle({ what: 'back', claim, delivered: held.delivered })
      else hand.again(held)
      return
    }
    const { delivered } = held
    const { error: problem } = outcome
    const log = this.#c.log.child(fieldsOf(held))
    if (this.#abort.aborted) {
      // ended by us, not by the handler: nothing is counted
      hand.settle({ what: 'back', claim, delivered })
    } else if (outcome.failure === 'target') {
      this.#count(held, 'target')
      this.#breaker = { open: true, notBeforeMs: outcome.retryAfterMs ?? 0 }
      hand.settle({ what: 'back', claim, delivered })
      hand.giveBackWaiting()
      log.warn({ err: problem }, 'the target failed; its deliveries wait')
    } else {
      const failure = { ...outcome, problem }
      const elapsedMs = performance.now() - takenAt
      const result = afterFailure(this.#c.policy(), claim, delivered, failure, elapsedMs, this.#c.random)
      this.#count(held, result.what === 'dead' ? 'dead' : 'retry')
      hand.settle(result)
      const { attempts: attempt } = result
      if (result.what === 'dead')
        log.error({ attempt, err: problem }, 'delivery failed for good; kept as a dead letter')
      else
        log.warn({ attempt, retryInMs: Math.round(result.delayMs), err: problem }, 'delivery failed; will be retried')
    }
  }

  #count({ claim, delivered }: Held, outcome: DeliveryOutcome): void {
    this.#c.metrics?.settled(this.#c.trigger.name, outcome, claim.entries[delivered]!.observedAt)
  }
}

function fieldsOf({ claim, delivered }: Held): object {
  const entry = claim.entries[delivered]!
  return { cluster: entry.cluster, gvk: entry.gvk, namespace: entry.namespace, name: entry.name, deltaId: entry.id }
}

/** As AbortSignal.timeout has it. */
function timeoutError(): DOMException {
  return new DOMException('The operation was aborted due to timeout', 'TimeoutError')
}
