import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Jobs } from '../core/queue/jobs.ts'
import { readPayloads } from '../core/queue/payloads.ts'
import type { ShardKeys } from '../core/redis/keys.ts'
import { Delivering, type DeliveringContext } from './delivering.ts'
import { InHand } from './in-hand.ts'
import { Pace } from './pace.ts'
import { afterFailure, problemOf } from './policy.ts'
import type { Claim, Retry, TurnAnswer, WorkQueue } from './queue/queue.ts'

/** What a drain works with; one of these per trigger and process. */
export interface DrainContext extends DeliveringContext {
  readonly redis: Redis
  readonly keys: ShardKeys
  readonly queue: WorkQueue
  readonly jobs: Pick<Jobs, 'addDrain' | 'addRetry'>
  /** Without a sign of life for this long, others may take over what a drain holds. */
  readonly leaseMs: number
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
  readonly #delivering: Delivering
  #wake: () => void = () => {}

  /** `stop`: take nothing new, finish what runs. `abort`: end what runs too, uncounted. */
  constructor(context: DrainContext, id: string, stop: AbortSignal, abort: AbortSignal) {
    this.#c = context
    this.#id = id
    this.#stop = stop
    const parts = { hand: this.#hand, pace: this.#pace, stop, abort: this.#abort.signal }
    this.#delivering = new Delivering(context, parts, () => this.#wake())
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
      const answer = await this.#soon(queue.start(redis, trigger.id, this.#id, this.#token, leaseMs))
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
      const noted = queue.suspect(redis, trigger.id, this.#id, this.#token, claim.object)
      if (!(await this.#soon(noted))) throw new Fenced()
      this.#renewed(performance.now())
      void this.#delivering.deliver([held])
      // its result goes in with the turn that ends its suspicion
      do {
        if (this.#delivering.running > 0) await this.#settled(this.#c.leaseMs / 4)
        if (!(await this.#turn(true))) return false
      } while (this.#delivering.running > 0 || this.#hand.results.length > 0)
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
    const { breaker, running } = this.#delivering
    const sentAt = performance.now()
    let answer: TurnAnswer
    try {
      const asked = queue.cycle(redis, trigger.id, this.#id, this.#token, {
        want: this.#stop.aborted || recovering ? 0 : this.#pace.want(policy.concurrency, hand.waiting, running),
        entriesPerObject,
        running,
        concurrency: policy.concurrency,
        mostDrains,
        objectsPerDrain,
        holds: hand.untold,
        results,
        keepSuspect: recovering && running > 0,
        ...(policy.rate && { rate: policy.rate }),
        ...(breaker && { breaker }),
      })
      answer = await this.#soon(asked)
    } catch (error) {
      // Not known whether it happened: the same results go again, and the count of claims tells the rest.
      log.warn({ err: problemOf(error).message }, 'Redis did not answer a drain; trying again')
      if (this.#stop.aborted && this.#delivering.running === 0) throw error
      await this.#settled(250)
      return true
    }
    if (answer.status === 'FENCED') throw new Fenced()
    this.#renewed(sentAt)
    this.#delivering.told(breaker)
    hand.told(results)
    if (answer.status === 'RESYNC') {
      await this.#take(hand.resync(answer.claims))
      return true
    }
    await this.#addJobs(answer.armed, answer.retries)
    if (answer.status === 'RELEASED') return false
    this.#delivering.grant(answer.grant)
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
    this.#delivering.pump()
  }

  #payloads(claims: readonly Claim[]): Promise<Map<string, Buffer>> {
    const references = claims.flatMap(({ entries }) => entries.flatMap((entry) => [entry.payload, entry.old]))
    return this.#soon(readPayloads(this.#c.redis, this.#c.keys, references))
  }

  /** An answer may be lost with its connection, and nobody tells: asking again is safe, and in time for the lease. */
  async #soon<T>(asked: Promise<T>): Promise<T> {
    const answered = new AbortController()
    const { signal } = answered
    const late = sleep(this.#c.leaseMs / 2, undefined, { signal }).then(() => {
      throw new Error('Redis did not answer in time')
    })
    try {
      return await Promise.race([asked, late])
    } finally {
      answered.abort()
    }
  }

  /** Valid a while shorter than Redis thinks, from before the question was sent. */
  #renewed(sentAt: number): void {
    this.#delivering.allow(sentAt + this.#c.leaseMs * 0.75)
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

/** Another worker has the drain now. */
class Fenced extends Error {
  override name = 'Fenced'
  constructor() {
    super('another worker has taken over this drain')
  }
}
