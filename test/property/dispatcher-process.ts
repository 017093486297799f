import type { Redis } from 'ioredis'
import { silentLog } from '../../core/log.ts'
import type { ShardKeys } from '../../core/redis/keys.ts'
import { Drain } from '../../dispatcher/drain.ts'
import type { DeliveryPolicy } from '../../dispatcher/policy.ts'
import { WorkQueue } from '../../dispatcher/queue/queue.ts'
import { sweep } from '../../dispatcher/sweeper.ts'
import type { Delivery, Outcome } from '../../dispatcher/target.ts'
import { FragileRedis } from './fragile-redis.ts'
import type { BoardJob, JobBoard } from './job-board.ts'

export interface DispatcherContext {
  readonly redis: Redis
  readonly keys: ShardKeys
  readonly board: JobBoard
  readonly handle: (delivery: Delivery, process: DispatcherProcess, signal: AbortSignal) => Promise<Outcome>
  /** Before a job is begun anew whose process is gone: the time of its lease passes. */
  readonly leaseRunsOut: (triggerId: string, drainId: string) => Promise<void>
  /** It is dead, or taken for dead; the jobs that it had are others' now. */
  readonly onLost: (jobs: readonly BoardJob[]) => void
}

export const attempts = 3

const policy: DeliveryPolicy = {
  attempts,
  backoff: { initialMs: 1, maxMs: 3 },
  maxAgeMs: 3_600_000,
  timeoutMs: 60_000,
  concurrency: 4,
}

/** Short, for its heartbeat. Nobody takes over before it is made to run out, since jobs are given back only when a process is lost. */
const leaseMs = 1_000

/** A dispatcher whose functions are one and the same handler, on a connection that breaks to order. */
export class DispatcherProcess {
  readonly fragile: FragileRedis
  readonly #c: DispatcherContext
  readonly #queue: WorkQueue
  readonly #abort = new AbortController()
  readonly #running = new Set<BoardJob>()
  readonly #deaf: () => void
  #lost = false

  constructor(context: DispatcherContext) {
    this.#c = context
    this.#queue = new WorkQueue(context.keys)
    this.fragile = new FragileRedis(context.redis, () => this.#lose())
    this.#deaf = context.board.listen(() => this.#take())
    this.#take()
  }

  /** What it does from now on is not seen by anybody. */
  get lost(): boolean {
    return this.#lost
  }

  async sweep(triggerId: string): Promise<void> {
    const { redis, board } = this.#c
    const jobs = {
      addDrain: async (id: string, drainId: string) => this.#add(id, drainId),
      exists: async (id: string, jobId: string) => board.has(id, jobId),
    }
    await sweep({ redis, queue: this.#queue, jobs, triggerId, leaseMs, overdueMs: 0 })
  }

  /** A frozen one sends what it was about to send, and gets no further. */
  async thaw(): Promise<void> {
    this.fragile.thaw()
    await new Promise((resolve) => setImmediate(resolve))
    await this.fragile.settled()
    this.close()
  }

  close(): void {
    this.fragile.die()
    this.#abort.abort()
    this.#c.redis.disconnect()
  }

  #lose(): void {
    this.#deaf()
    if (this.#lost) return
    this.#lost = true
    this.#c.onLost([...this.#running])
  }

  #take(): void {
    while (!this.#lost && this.#running.size < 6) {
      const job = this.#c.board.take()
      if (!job) return
      this.#running.add(job)
      void this.#run(job)
    }
  }

  async #run(job: BoardJob): Promise<void> {
    const { board, leaseRunsOut } = this.#c
    try {
      await (job.object === undefined ? this.#drain(job).run() : this.#ring(job))
      if (this.#lost) return
      this.#running.delete(job)
      board.done(job)
      this.#take()
    } catch {
      if (this.#lost) return
      await leaseRunsOut(job.triggerId, job.id)
      if (this.#lost) return
      // before it is given back: it may be ours again at once
      this.#running.delete(job)
      board.giveBack(job)
    }
  }

  #drain({ triggerId, id }: BoardJob): Drain {
    const { redis, keys, board, handle } = this.#c
    return new Drain(
      {
        redis,
        keys,
        queue: this.#queue,
        jobs: {
          addDrain: async (trigger, drainId) => this.#add(trigger, drainId),
          addRetry: async (trigger, retryId, object, delayMs) => {
            if (!this.#lost) board.add(trigger, retryId, object, delayMs)
          },
        },
        target: {
          maxBatch: 1,
          deliver: (batch, signal) => Promise.all(batch.map((delivery) => handle(delivery, this, signal))),
          close: async () => {},
        },
        trigger: { id: triggerId, name: triggerId },
        policy: () => policy,
        wants: () => true,
        log: silentLog,
        leaseMs,
        random: Math.random,
      },
      id,
      this.#abort.signal,
      this.#abort.signal,
    )
  }

  async #ring({ triggerId, id, object }: BoardJob): Promise<void> {
    for (const drainId of await this.#queue.unpark(this.#c.redis, triggerId, object!, id)) this.#add(triggerId, drainId)
  }

  #add(triggerId: string, drainId: string): void {
    if (!this.#lost) this.#c.board.add(triggerId, drainId)
  }
}
