import { setTimeout as sleep } from 'node:timers/promises'
import { type Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { type NameTag, staticFilter } from '../core/filter.ts'
import type { Log } from '../core/log.ts'
import type { Jobs, RetryData } from '../core/queue/jobs.ts'
import type { ShardKeys } from '../core/redis/keys.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import type { DeliveryMetrics } from './delivery-metrics.ts'
import { Drain, type DrainContext, mostDrains } from './drain.ts'
import type { DeliveryPolicy } from './policy.ts'
import type { DeadLetterLimits, DeadLetters } from './queue/dead-letters.ts'
import type { WorkQueue } from './queue/queue.ts'
import { sweep } from './sweeper.ts'
import type { Target } from './target.ts'

/** A trigger that this process has the target of. */
export interface Assignment {
  readonly record: TriggerRecord
  readonly target: Target
  readonly policy: () => DeliveryPolicy
}

export interface WorkerTimings {
  /** Of a drain, and of BullMQ's lock on its job: that long after a crash others take over. */
  readonly leaseMs: number
  readonly stalledCheckMs: number
  readonly sweepMs: number
  readonly overdueMs: number
  /** A job that no worker took for this long means that ours has stopped taking. */
  readonly watchdogMs: number
}

export const workerTimings: WorkerTimings = {
  leaseMs: 8_000,
  stalledCheckMs: 4_000,
  sweepMs: 3_000,
  overdueMs: 5_000,
  watchdogMs: 30_000,
}

export interface WorkerContext {
  /** For scripts. */
  readonly commands: Redis
  /** BullMQ's. */
  readonly bull: Redis
  readonly keys: ShardKeys
  readonly queue: WorkQueue
  readonly jobs: Jobs
  readonly log: Log
  readonly metrics?: DeliveryMetrics
  /** Without it none is ever dropped. */
  readonly deadLetters?: { readonly store: DeadLetters; readonly limits: () => DeadLetterLimits }
  readonly timings: WorkerTimings
}

/** The BullMQ worker of one trigger: runs its drains, rings its retries, and sweeps behind them. */
export class TriggerWorker {
  readonly #c: WorkerContext
  readonly #log: Log
  readonly #stop = new AbortController()
  readonly #abort = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #sweeping: Promise<void>
  #assignment: Assignment
  #wants: (delta: NameTag) => boolean = () => true
  #worker: Worker<RetryData>

  constructor(context: WorkerContext, assignment: Assignment) {
    this.#c = context
    this.#log = context.log.child({ trigger: assignment.record.name })
    this.#assignment = assignment
    this.assign(assignment)
    this.#worker = this.#open()
    this.#sweeping = this.#sweep()
  }

  /** Goes on with another definition, target or policy of the same trigger. */
  assign(assignment: Assignment): void {
    this.#assignment = assignment
    const mismatch = staticFilter(assignment.record.definition)
    this.#wants = (delta) => mismatch(delta) === undefined
  }

  /** Takes nothing new and finishes what runs; when `abort` aborts, ends that too, uncounted. */
  async close(abort: AbortSignal): Promise<void> {
    const onAbort = () => this.#abort.abort(abort.reason)
    if (abort.aborted) onAbort()
    else abort.addEventListener('abort', onAbort, { once: true })
    const force = await this.#unconnected()
    // first of all the worker: a drain that stops asks for another one, which is not for us
    const closed = this.#worker.close(force)
    this.#stop.abort()
    const aborted = new Promise<void>((resolve) => {
      if (this.#abort.signal.aborted) resolve()
      else this.#abort.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    // a drain can only end in order while Redis answers
    const ended = Promise.all([closed, ...this.#running, this.#sweeping])
    await Promise.race([ended, aborted.then(() => sleep(patienceMs, undefined, { ref: false }))])
    abort.removeEventListener('abort', onAbort)
  }

  /** BullMQ waits for ever for the end of a connection that is just being made again: then it must not wait. */
  async #unconnected(): Promise<boolean> {
    if (this.#c.commands.status !== 'ready') return true
    const soon = sleep(patienceMs, undefined, { ref: false })
    const client = await Promise.race([this.#worker.getBackend().blockingClient, soon])
    return client?.status !== 'ready'
  }

  #open(): Worker<RetryData> {
    const { bull, keys, commands, timings } = this.#c
    const run = (job: Job<RetryData>) => {
      const running = this.#run(job)
      const ended = running.catch(() => {}).finally(() => this.#running.delete(ended))
      this.#running.add(ended)
      return running
    }
    const worker = new Worker<RetryData>(this.#assignment.record.id, run, {
      connection: bull,
      prefix: keys.bullPrefix,
      // every drain that may be armed, and room for alarms to ring
      concurrency: 2 * mostDrains,
      lockDuration: timings.leaseMs,
      stalledInterval: timings.stalledCheckMs,
      // a drain whose workers die is not at fault: the object that kills them is found out and counted
      maxStalledCount: 1_000_000_000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      skipWaitingForReady: true,
      // after Redis was away: the default would leave it alone for another 15 s
      runRetryDelay: 1_000,
    })
    worker.on('error', (error) => {
      // while Redis is away that is said once, where the connection is
      if (commands.status === 'ready') this.#log.warn({ err: error }, 'a worker had an error')
    })
    worker.on('failed', (job, error) => {
      if (!this.#stop.signal.aborted)
        this.#log.warn({ job: job?.name, err: error.message }, 'a job ended early; it runs again')
    })
    return worker
  }

  async #run(job: Job<RetryData>): Promise<void> {
    const { commands, queue, jobs } = this.#c
    const triggerId = this.#assignment.record.id
    if (job.name === 'drain')
      return new Drain(this.#drainContext(), job.id!, this.#stop.signal, this.#abort.signal).run()
    for (const id of await queue.unpark(commands, triggerId, job.data.object, job.id!))
      await jobs.addDrain(triggerId, id)
  }

  #drainContext(): DrainContext {
    const { commands, keys, queue, jobs, metrics, timings } = this.#c
    const { record, target } = this.#assignment
    return {
      redis: commands,
      keys,
      queue,
      jobs,
      target,
      trigger: record,
      policy: () => this.#assignment.policy(),
      wants: (delta) => this.#wants(delta),
      log: this.#log,
      ...(metrics && { metrics }),
      leaseMs: timings.leaseMs,
      random: Math.random,
    }
  }

  async #sweep(): Promise<void> {
    const { commands, queue, jobs, timings } = this.#c
    const { leaseMs, overdueMs, sweepMs, watchdogMs } = timings
    const { signal } = this.#stop
    const triggerId = this.#assignment.record.id
    let watchedSince = performance.now()
    while (!signal.aborted) {
      await sleep(sweepMs, undefined, { signal }).catch(() => {})
      if (signal.aborted || commands.status !== 'ready') continue
      try {
        const untakenMs = await sweep({ redis: commands, queue, jobs, triggerId, leaseMs, overdueMs })
        await this.#boundDeadLetters(triggerId)
        if (untakenMs < watchdogMs || performance.now() - watchedSince < watchdogMs || signal.aborted) continue
        watchedSince = performance.now()
        this.#log.warn({ untakenMs }, 'a job waits that the worker does not take; starting another worker')
        // what it may still run ends by itself
        void this.#worker.close().catch(() => {})
        this.#worker = this.#open()
      } catch (error) {
        this.#log.warn({ err: error }, 'sweeping failed; trying again')
      }
    }
  }

  async #boundDeadLetters(triggerId: string): Promise<void> {
    const { commands, deadLetters } = this.#c
    if (!deadLetters) return
    const { aged, excess } = await deadLetters.store.bound(commands, triggerId, deadLetters.limits())
    if (aged + excess > 0) this.#log.warn({ aged, excess }, 'dead letters dropped: too old (aged) or too many (excess)')
  }
}

/** After an abort, for results to reach Redis. */
const patienceMs = 2_000
