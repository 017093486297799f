import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Log } from '../core/log.ts'
import type { Jobs } from '../core/queue/jobs.ts'
import { readPayloads } from '../core/queue/payloads.ts'
import type { ShardKeys } from '../core/redis/keys.ts'
import { deltaOfEntry } from './delta-of-entry.ts'
import { afterFailure, type DeliveryPolicy, failed, problemOf } from './policy.ts'
import type { Claim, Result, WorkQueue } from './queue/queue.ts'
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
  readonly log: Log
  /** Without a sign of life for this long, others may take over what a drain holds. */
  readonly leaseMs: number
  readonly random: () => number
}

/** Entries that an object's turn delivers at the most before the others have theirs. */
const entriesPerObject = 8
const objectsPerDrain = 200
const mostDrains = 4
/** How often a drain that is busy looks whether something else became ready. */
const lookAgainMs = 25

/** An object in hand. */
interface Held {
  readonly claim: Claim
  readonly takenAt: number
  payloads: ReadonlyMap<string, Buffer>
  delivered: number
}

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
  readonly #held = new Map<string, Held>()
  #waiting: Held[] = []
  #results: Result[] = []
  #breaker: { open: boolean; notBeforeMs: number } | undefined
  #running = 0
  #grant = 1
  #leaseUntil = 0
  #deliveredLately = 0
  #deliveredPerSecond = 0
  #measuredSince = performance.now()
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
      if (!held) return
      await this.#recover(held)
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
   * went alone, that one is to blame: it alone is counted.
   */
  async #recover({ suspect, claims }: { suspect: string; claims: readonly Claim[] }): Promise<void> {
    const { redis, queue, trigger, policy, random } = this.#c
    for (const claim of claims)
      this.#held.set(claim.object, { claim, takenAt: performance.now(), payloads: new Map(), delivered: 0 })
    if (claims.length > 0) this.#c.log.warn({ objects: claims.length }, 'taking over what a lost worker held')
    for (const held of [...this.#held.values()]) {
      if (this.#stop.aborted) {
        this.#results.push({ what: 'back', claim: held.claim, delivered: 0 })
        continue
      }
      if (held.claim.object === suspect) {
        const problem = { name: 'WorkerLost', message: 'the process ended while it delivered this delta, twice' }
        this.#results.push(afterFailure(policy(), held.claim, 0, { problem }, 0, random))
        continue
      }
      if (!(await queue.suspect(redis, trigger.id, this.#id, this.#token, held.claim.object))) throw new Fenced()
      this.#renewed(performance.now())
      await this.#load([held])
      await this.#deliver([held])
      // the results of all go in with the turn that ends this one's suspicion
      while (this.#running > 0) await this.#settled(1_000)
      if (!(await this.#turn(true))) return
    }
  }

  /** One exchange with the queue. Returns false when the drain is over. */
  async #turn(recovering = false): Promise<boolean> {
    const { redis, queue, trigger, log } = this.#c
    const policy = this.#c.policy()
    if (this.#stop.aborted) this.#giveBackWaiting()
    const results = this.#results.slice()
    const breaker = this.#breaker
    const want = this.#stop.aborted || recovering ? 0 : this.#want(policy)
    const sentAt = performance.now()
    let answer: Awaited<ReturnType<WorkQueue['cycle']>>
    try {
      answer = await queue.cycle(redis, trigger.id, this.#id, this.#token, {
        want,
        entriesPerObject,
        running: this.#running,
        concurrency: policy.concurrency,
        mostDrains,
        objectsPerDrain,
        holds: this.#held.size - results.length,
        results,
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
    this.#results = this.#results.slice(results.length)
    if (this.#breaker === breaker) this.#breaker = undefined
    for (const { claim } of results) this.#held.delete(claim.object)
    if (answer.status === 'RESYNC') {
      await this.#resync(answer.claims)
      return true
    }
    await this.#addJobs(answer.armed, answer.retries)
    if (answer.status === 'RELEASED') return false
    this.#grant = Math.max(1, answer.grant)
    await this.#take(answer.claims)
    if (!recovering) await this.#patience(answer.claims.length, answer.waitMs)
    return true
  }

  async #addJobs(
    armed: readonly string[],
    retries: readonly { id: string; object: string; delayMs: number }[],
  ): Promise<void> {
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
    if (this.#results.length > 0) return
    if (this.#held.size === 0) return waitMs > 0 ? this.#settled(Math.min(waitMs, heartbeatMs)) : undefined
    await this.#settled(taken > 0 ? heartbeatMs : Math.min(Math.max(waitMs, lookAgainMs), heartbeatMs))
  }

  /** Free handlers, and about one second of measured work. */
  #want(policy: DeliveryPolicy): number {
    const now = performance.now()
    const seconds = (now - this.#measuredSince) / 1_000
    if (seconds >= 0.2) {
      this.#deliveredPerSecond = this.#deliveredLately / seconds
      this.#deliveredLately = 0
      this.#measuredSince = now
    }
    const capacity = policy.concurrency + Math.min(500, Math.ceil(this.#deliveredPerSecond / entriesPerObject))
    const free = capacity - (this.#waiting.length + this.#running)
    return free >= capacity / 4 || this.#running === 0 ? Math.max(free, 0) : 0
  }

  async #take(claims: readonly Claim[]): Promise<void> {
    if (claims.length === 0) return this.#pump()
    const takenAt = performance.now()
    const fresh = claims.map((claim): Held => ({ claim, takenAt, payloads: new Map(), delivered: 0 }))
    try {
      await this.#load(fresh)
    } catch (error) {
      // Left out of `held`: the next turn's count does not fit, and the queue names them again.
      this.#c.log.warn({ err: problemOf(error).message }, 'payloads could not be read; trying again')
      return
    }
    for (const held of fresh) this.#held.set(held.claim.object, held)
    this.#waiting.push(...fresh)
    this.#pump()
  }

  async #load(list: readonly Held[]): Promise<void> {
    const references = list.flatMap(({ claim }) => claim.entries.flatMap((entry) => [entry.payload, entry.old]))
    const payloads = await readPayloads(this.#c.redis, this.#c.keys, references)
    for (const held of list) held.payloads = payloads
  }

  /** The queue's view of what we hold differs from ours: theirs holds. */
  async #resync(claims: readonly Claim[]): Promise<void> {
    const numbers = new Map(claims.map((claim) => [claim.object, claim.number]))
    for (const [object, held] of this.#held) {
      if (numbers.get(object) !== held.claim.number) this.#held.delete(object)
    }
    this.#waiting = this.#waiting.filter((held) => this.#held.get(held.claim.object) === held)
    await this.#take(claims.filter((claim) => !this.#held.has(claim.object)))
  }

  #pump(): void {
    while (this.#running < this.#grant && this.#waiting.length > 0 && performance.now() < this.#leaseUntil) {
      const room = Math.min(this.#c.target.maxBatch, this.#grant - this.#running)
      void this.#deliver(this.#waiting.splice(0, room))
    }
  }

  /** Delivers the next delta of each; settles each by its own outcome. Never rejects. */
  async #deliver(batch: readonly Held[]): Promise<void> {
    const { target, policy } = this.#c
    this.#running += batch.length
    const timeout = AbortSignal.timeout(policy().timeoutMs)
    let outcomes: readonly Outcome[]
    try {
      const deliveries = batch.map((held) => this.#delivery(held))
      outcomes = await target.deliver(deliveries, AbortSignal.any([timeout, this.#abort.signal]))
    } catch (error) {
      outcomes = batch.map(() => failed(error))
    }
    this.#running -= batch.length
    batch.forEach((held, i) => {
      this.#settle(held, outcomes[i] ?? failed(new Error('the target gave no outcome for this delta')))
    })
    this.#pump()
    if (this.#results.length > 0 || this.#running === 0) this.#wake()
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
    const { claim } = held
    // given away meanwhile: whoever holds it now tells
    if (this.#held.get(claim.object) !== held) return
    const fields = logFields(held)
    if (outcome.ok) {
      held.delivered++
      this.#deliveredLately++
      if (this.#breaker === undefined) this.#breaker = { open: false, notBeforeMs: 0 }
      if (held.delivered === claim.entries.length) this.#results.push({ what: 'ok', claim, delivered: held.delivered })
      else if (this.#stop.aborted) this.#results.push({ what: 'back', claim, delivered: held.delivered })
      else this.#waiting.unshift(held)
      return
    }
    const { error: problem } = outcome
    if (this.#abort.signal.aborted) {
      // ended by us, not by the handler: nothing is counted
      this.#results.push({ what: 'back', claim, delivered: held.delivered })
    } else if (outcome.failure === 'target') {
      this.#breaker = { open: true, notBeforeMs: outcome.retryAfterMs ?? 0 }
      this.#results.push({ what: 'back', claim, delivered: held.delivered })
      this.#giveBackWaiting()
      this.#c.log.warn({ ...fields, err: problem }, 'the target failed; its deliveries wait')
    } else {
      const result = afterFailure(
        this.#c.policy(),
        claim,
        held.delivered,
        { ...outcome, problem },
        performance.now() - held.takenAt,
        this.#c.random,
      )
      this.#results.push(result)
      const attempt = 'attempts' in result ? result.attempts : undefined
      if (result.what === 'dead')
        this.#c.log.error({ ...fields, attempt, err: problem }, 'delivery failed for good; kept as a dead letter')
      else
        this.#c.log.warn(
          { ...fields, attempt, retryInMs: result.what === 'park' ? Math.round(result.delayMs) : 0, err: problem },
          'delivery failed; will be retried',
        )
    }
  }

  #giveBackWaiting(): void {
    for (const held of this.#waiting) this.#results.push({ what: 'back', claim: held.claim, delivered: held.delivered })
    this.#waiting = []
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

function logFields({ claim, delivered }: Held): object {
  const entry = claim.entries[delivered]
  return entry
    ? { cluster: entry.cluster, gvk: entry.gvk, namespace: entry.namespace, name: entry.name, deltaId: entry.id }
    : {}
}

/** Another worker has the drain now. */
class Fenced extends Error {
  override name = 'Fenced'
  constructor() {
    super('another worker has taken over this drain')
  }
}
