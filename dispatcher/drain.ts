import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { NameTag } from '../core/filter.ts'
import type { Log } from '../core/log.ts'
import type { Jobs } from '../core/queue/jobs.ts'
import { readPayloads } from '../core/queue/payloads.ts'
import type { ShardKeys } from '../core/redis/keys.ts'
import { deltaOfEntry } from './delta-of-entry.ts'
import { type Held, InHand } from './in-hand.ts'
import { Pace } from './pace.ts'
import { afterFailure, type DeliveryPolicy, failed, problemOf } from './policy.ts'
import type { Claim, Retry, TurnAnswer, WorkQueue } from './queue/queue.ts'
import type { Delivery, Outcome, Target } from './target.ts'

/** What a drain works with; one of these per trigger and process. */
export interface DrainContext {
  readonly redis: Redis
  readonly keys: ShardKeys
  readonly queue: WorkQueue
  readonly jobs: Pick<Jobs, 'addDrain' | 'addRetry'>
  readonly target: Target
  readonly trigger: { readonly id: string; readonly name: string }
  /** Read anew for every turn: settings may change while a drain runs. */
  readonly policy: () => DeliveryPolicy
  /** Whether the trigger still wants it: its definition may have changed since the delta was matched. */
  readonly wants: (delta: NameTag) => boolean
  readonly log: Log
  /** Without a sign of life for this long, others may take over what a drain holds. */
  readonly leaseMs: number
  readonly random: () => number
}

/** Entries that an object's turn delivers at the most before the others have theirs. */
const entriesPerObject = 8
const objectsPerDrain = 200
export const mostDrains = 4
/** How often a drain that is busy looks whether something else became ready. */
const lookAgainMs = 25

/**
 * Delivers: claims objects of one trigger, delivers their deltas in order, tells the queue what became of each, until
 * nothing is left. Only drains deliver. A drain lives as one BullMQ job; its right to what it holds is its token in Redis.
 */
export class Drain {
  readonly #c: DrainContext
  readonly #id: string
  readonly #token = randomUUID()
  readonly #stop: AbortSignal
  /** Ends deliveries: after shutdown's patience, or when the lease is lost. */
  readonly #abort = new AbortController()
  readonly #hand = new InHand()
  readonly #pace = new Pace(entriesPerObject)
  #breaker: { open: boolean; notBeforeMs: number } | undefined
  #running = 0
  #grant = 1
  #leaseUntil = 0
  #wake: () => void = () => {}

  /** `stop`: take nothing new, finish what runs. `abort`: end what runs too, uncounted. */
  constructor(context: DrainContext, id: string, stop: AbortSignal, abort: AbortSignal) {
    this.#c = context
    this.#id = id
    this.#stop = stop
    const onAbort = () => this.#abort.abort(abort.reason)
    if (abort.aborted) onAbort()
    else abort.addEventListener('abort', onAbort, { once: true, signal: this.#abort.signal })
  }

  async run(): Promise<void> {
    const onStop = () => this.#wake()
    this.#stop.addEventListener('abort', onStop, { once: true })
    try {
      const held = await this.#start()
      if (!held || !(await this.#recover(held))) return
      while (await this.#turn());
    } finally {
      this.#stop.removeEventListener('abort', onStop)
      this.#abort.abort(new Error('the drain has ended'))
    }
  }

  async #start(): Promise<{ suspect: string; claims: readonly Claim[] } | undefined> {
    const { redis, queue, trigger, leaseMs } = this.#c
    for (;;) {
      const sentAt = performance.now()
      const answer = await queue.start(redis, trigger.id, this.#id, this.#token, leaseMs)
      if (answer.status === 'GONE') return undefined
      if (answer.status === 'OK') {
        this.#renewed(sentAt)
        return answer
      }
      if (this.#stop.aborted) throw new Error('stopped before the lease of the lost worker ran out')
      await sleep(Math.min(answer.leftMs + 10, 1_000))
    }
  }

  /**
   * What a lost worker held goes one object at a time, each noted before it starts. If the worker was lost while one
   * went alone, that one is to blame: it alone is counted. Returns false when the drain is over.
   */
  async #recover({ suspect, claims }: { suspect: string; claims: readonly Claim[] }): Promise<boolean> {
    const { redis, queue, trigger, policy, random, log } = this.#c
    if (claims.length === 0) return true
    log.warn({ objects: claims.length }, 'taking over what a lost worker held')
    for (const held of this.#hand.hold(claims, await this.#payloads(claims))) {
      const { claim } = held
      if (this.#stop.aborted) {
        this.#hand.settle({ what: 'back', claim, delivered: 0 })
        continue
      }
      if (claim.object === suspect) {
        const problem = { name: 'WorkerLost', message: 'the process ended while it delivered this delta, twice' }
        this.#hand.settle(afterFailure(policy(), claim, 0, { problem }, 0, random))
        continue
      }
      if (!(await queue.suspect(redis, trigger.id, this.#id, this.#token, claim.object))) throw new Fenced()
      this.#renewed(performance.now())
      void this.#deliver([held])
      // its result goes in with the turn that ends its suspicion
      do {
        if (this.#running > 0) await this.#settled(this.#c.leaseMs / 4)
        if (!(await this.#turn(true))) return false
      } while (this.#running > 0 || this.#hand.results.length > 0)
    }
    return true
  }

  /** One exchange with the queue. Returns false when the drain is over. */
  async #turn(recovering = false): Promise<boolean> {
    const { redis, queue, trigger, log } = this.#c
    const hand = this.#hand
    const policy = this.#c.policy()
    if (this.#stop.aborted) hand.giveBackWaiting()
    const results = hand.results.slice()
    const breaker = this.#breaker
    const busy = hand.waiting + this.#running
    const sentAt = performance.now()
    let answer: TurnAnswer
    try {
      answer = await queue.cycle(redis, trigger.id, this.#id, this.#token, {
        want: this.#stop.aborted || recovering ? 0 : this.#pace.want(policy.concurrency, busy, this.#running),
        entriesPerObject,
        running: this.#running,
        concurrency: policy.concurrency,
        mostDrains,
        objectsPerDrain,
        holds: hand.untold,
        results,
        keepSuspect: recovering && this.#running > 0,
        ...(policy.rate && { rate: policy.rate }),
        ...(breaker && { breaker }),
      })
    } catch (error) {
      // Not known whether it happened: the same results go again, and the count of claims tells the rest.
      log.warn({ err: problemOf(error).message }, 'Redis did not answer a drain; trying again')
      if (this.#stop.aborted && this.#running === 0) throw error
      await this.#settled(250)
      return true
    }
    if (answer.status === 'FENCED') throw new Fenced()
    this.#renewed(sentAt)
    if (this.#breaker === breaker) this.#breaker = undefined
    hand.told(results)
    if (answer.status === 'RESYNC') {
      await this.#take(hand.resync(answer.claims))
      return true
    }
    await this.#addJobs(answer.armed, answer.retries)
    if (answer.status === 'RELEASED') return false
    this.#grant = Math.max(1, answer.grant)
    await this.#take(answer.claims)
    if (!recovering) await this.#patience(answer.claims.length, answer.waitMs)
    return true
  }

  async #addJobs(armed: readonly string[], retries: readonly Retry[]): Promise<void> {
    const { jobs, trigger, log } = this.#c
    try {
      await Promise.all([
        ...armed.map((id) => jobs.addDrain(trigger.id, id)),
        ...retries.map((retry) => jobs.addRetry(trigger.id, retry.id, retry.object, retry.delayMs)),
      ])
    } catch (error) {
      log.warn({ err: problemOf(error).message }, 'a job could not be added; the sweeper will see to it')
    }
  }

  /** Waits for the next reason to talk to the queue: something settled, the heartbeat, or the time to look again. */
  async #patience(taken: number, waitMs: number): Promise<void> {
    const heartbeatMs = this.#c.leaseMs / 4
    if (this.#hand.results.length > 0) return
    if (this.#hand.size === 0) return waitMs > 0 ? this.#settled(Math.min(waitMs, heartbeatMs)) : undefined
    await this.#settled(taken > 0 ? heartbeatMs : Math.min(Math.max(waitMs, lookAgainMs), heartbeatMs))
  }

  async #take(claims: readonly Claim[]): Promise<void> {
    if (claims.length > 0) {
      try {
        this.#hand.take(claims, await this.#payloads(claims))
      } catch (error) {
        // Not in hand: the next turn's count does not fit, and the queue names them again.
        this.#c.log.warn({ err: problemOf(error).message }, 'payloads could not be read; trying again')
        return
      }
    }
    this.#pump()
  }

  #payloads(claims: readonly Claim[]): Promise<Map<string, Buffer>> {
    const references = claims.flatMap(({ entries }) => entries.flatMap((entry) => [entry.payload, entry.old]))
    return readPayloads(this.#c.redis, this.#c.keys, references)
  }

  #pump(): void {
    while (this.#running < this.#grant && this.#hand.waiting > 0 && performance.now() < this.#leaseUntil) {
      const room = Math.min(this.#c.target.maxBatch, this.#grant - this.#running)
      void this.#deliver(this.#hand.next(room))
    }
  }

  /** Delivers the next delta of each; settles each by its own outcome. Never rejects. */
  async #deliver(batch: readonly Held[]): Promise<void> {
    this.#running += batch.length
    const outcomes = new Map<Held, Outcome>()
    const sent: Held[] = []
    const deliveries: Delivery[] = []
    for (const held of batch) {
      try {
        const delivery = this.#delivery(held)
        if (!this.#c.wants(delivery.delta)) outcomes.set(held, { ok: true })
        else {
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
    for (const held of batch) this.#settle(held, outcomes.get(held)!)
    this.#pump()
    if (this.#hand.results.length > 0 || this.#running === 0) this.#wake()
  }

  async #send(deliveries: readonly Delivery[]): Promise<readonly Outcome[]> {
    const timeout = AbortSignal.timeout(this.#c.policy().timeoutMs)
    try {
      return await this.#c.target.deliver(deliveries, AbortSignal.any([timeout, this.#abort.signal]))
    } catch (error) {
      return deliveries.map(() => failed(error))
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

  #settle(held: Held, outcome: Outcome): void {
    const { claim, takenAt } = held
    const hand = this.#hand
    // given away meanwhile: whoever holds it now tells
    if (!hand.holds(held)) return
    if (outcome.ok) {
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
    if (this.#abort.signal.aborted) {
      // ended by us, not by the handler: nothing is counted
      hand.settle({ what: 'back', claim, delivered })
    } else if (outcome.failure === 'target') {
      this.#breaker = { open: true, notBeforeMs: outcome.retryAfterMs ?? 0 }
      hand.settle({ what: 'back', claim, delivered })
      hand.giveBackWaiting()
      log.warn({ err: problem }, 'the target failed; its deliveries wait')
    } else {
      const failure = { ...outcome, problem }
      const elapsedMs = performance.now() - takenAt
      const result = afterFailure(this.#c.policy(), claim, delivered, failure, elapsedMs, this.#c.random)
      hand.settle(result)
      const { attempts: attempt } = result
      if (result.what === 'dead')
        log.error({ attempt, err: problem }, 'delivery failed for good; kept as a dead letter')
      else
        log.warn({ attempt, retryInMs: Math.round(result.delayMs), err: problem }, 'delivery failed; will be retried')
    }
  }

  /** Valid a while shorter than Redis thinks, from before the question was sent. */
  #renewed(sentAt: number): void {
    this.#leaseUntil = sentAt + this.#c.leaseMs * 0.75
  }

  #settled(mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, mostMs)
      function done() {
        clearTimeout(timer)
        resolve()
      }
      // a little later, so that what settles together is told together
      this.#wake = () => setImmediate(done)
    })
  }
}

function fieldsOf({ claim, delivered }: Held): object {
  const entry = claim.entries[delivered]!
  return { cluster: entry.cluster, gvk: entry.gvk, namespace: entry.namespace, name: entry.name, deltaId: entry.id }
}

/** Another worker has the drain now. */
class Fenced extends Error {
  override name = 'Fenced'
  constructor() {
    super('another worker has taken over this drain')
  }
}
