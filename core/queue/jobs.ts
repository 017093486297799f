import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { ShardKeys } from '../redis/keys.ts'

/** What a job of ours carries: a drain nothing, a retry the object that its alarm is for. */
export interface RetryData {
  readonly object: string
}

/**
 * Adds BullMQ jobs that a script asked for. A script decides and names the job; the job is added after it, and where a
 * crash comes between the two, the sweeper repairs it. Adding one twice does nothing: the id is the script's.
 */
export class Jobs {
  readonly #queues = new Map<string, Queue>()
  readonly #redis: Redis
  readonly #keys: ShardKeys

  /** `redis`: a connection for `jobs`, which stays the caller's to close. */
  constructor(redis: Redis, keys: ShardKeys) {
    this.#redis = redis
    this.#keys = keys
  }

  async addDrain(triggerId: string, drainId: string): Promise<void> {
    // a drain that throws has lost Redis or its lease: it is tried again for ever, its objects are safe in Redis
    await this.#queue(triggerId).add(
      'drain',
      {},
      { jobId: drainId, attempts: 1_000_000, backoff: { type: 'fixed', delay: 1_000 } },
    )
  }

  async addRetry(triggerId: string, retryId: string, object: string, delayMs: number): Promise<void> {
    const data: RetryData = { object }
    await this.#queue(triggerId).add('retry', data, {
      jobId: retryId,
      delay: delayMs,
      attempts: 100,
      backoff: { type: 'fixed', delay: 1_000 },
    })
  }

  /** Whether BullMQ knows the job in any state. */
  async exists(triggerId: string, jobId: string): Promise<boolean> {
    return (await this.#queue(triggerId).getJobState(jobId)) !== 'unknown'
  }

  /** Removes BullMQ's own keys of a trigger that is dropped. */
  async obliterate(triggerId: string): Promise<void> {
    const obliterate = () => this.#queue(triggerId).obliterate({ force: true })
    // it pauses the queue first, which another process that does the same may just have undone
    await obliterate().catch(obliterate)
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()))
    this.#queues.clear()
  }

  #queue(triggerId: string): Queue {
    let queue = this.#queues.get(triggerId)
    if (!queue) {
      queue = new Queue(triggerId, {
        connection: this.#redis,
        prefix: this.#keys.bullPrefix,
        skipWaitingForReady: true,
        defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
        streams: { events: { maxLen: 1_000 } },
      })
      // connection errors come once for the shared connection, where they are logged
      queue.on('error', () => {})
      this.#queues.set(triggerId, queue)
    }
    return queue
  }
}
