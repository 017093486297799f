import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { InstallationKeys } from '../core/redis/keys.ts'
import { redisNowMs } from '../core/status.ts'
import { type Clustered, couldTake, leaves, surplus } from './spread.ts'

export interface CandidatesOptions {
  readonly redis: Redis
  readonly keys: InstallationKeys
  /** This process. */
  readonly id: string
  /** What it says of its clusters. */
  readonly mine: () => Clustered
  /** Told to give these up: others own less. */
  readonly giveUp: (names: readonly string[]) => void
}

interface WatcherRecord {
  readonly atMs: number
  readonly clusters: Clustered
}

const beatEveryMs = 1_000
/** A watcher that is silent for this long is no candidate. */
const livesMs = 6_000
/** Longer than it takes until all have heard who took what. */
const balanceEveryMs = 4_000

/** The watchers of an installation, told of each other: who could take which cluster, and who owns how many. */
export class Candidates {
  readonly #options: CandidatesOptions
  #others: readonly Clustered[] = []
  #balancedAt = performance.now()

  constructor(options: CandidatesOptions) {
    this.#options = options
  }

  /** Runs until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.beat().catch(() => {})
      if (performance.now() - this.#balancedAt >= balanceEveryMs) this.#balance()
      await sleep(beatEveryMs, undefined, { signal }).catch(() => {})
    }
  }

  /** Says what this one has, and reads what the others have. */
  async beat(): Promise<void> {
    const { redis, keys, id, mine } = this.#options
    const atMs = await redisNowMs(redis)
    const record: WatcherRecord = { atMs, clusters: mine() }
    await redis.hset(keys.watchers, id, JSON.stringify(record))
    const others: Clustered[] = []
    for (const [other, text] of Object.entries(await redis.hgetall(keys.watchers))) {
      if (other === id) continue
      const { atMs: heardAtMs, clusters }: WatcherRecord = JSON.parse(text)
      if (atMs - heardAtMs <= livesMs) others.push(clusters)
      // for long enough that nobody is merely slow
      else if (atMs - heardAtMs > 100 * livesMs) await redis.hdel(keys.watchers, other)
    }
    this.#others = others
  }

  /** The names of the clusters that any watcher is configured for, this one included. */
  configured(): ReadonlySet<string> {
    return new Set([this.#options.mine(), ...this.#others].flatMap((one) => Object.keys(one)))
  }

  /** Whether another watcher, that works, could take the cluster. */
  couldTake(name: string): boolean {
    return couldTake(name, this.#others)
  }

  /** Whether the cluster, which is free, is left to another. */
  leaves(name: string): boolean {
    return leaves(name, this.#options.mine(), this.#others)
  }

  /** No candidate any more, and not waited for. */
  async close(): Promise<void> {
    const { redis, keys, id } = this.#options
    if (redis.status === 'ready') await redis.hdel(keys.watchers, id).catch(() => {})
  }

  #balance(): void {
    this.#balancedAt = performance.now()
    const names = surplus(this.#options.mine(), this.#others)
    if (names.length > 0) this.#options.giveUp(names)
  }
}
