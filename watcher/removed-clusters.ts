import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../core/log.ts'
import { redisNowMs } from '../core/status.ts'
import { type ForgetClusterOptions, forgetCluster } from './forget-cluster.ts'

export interface RemovedClustersOptions extends ForgetClusterOptions {
  /** The clusters that any living watcher is configured for. */
  readonly configured: () => ReadonlySet<string>
  readonly forgetAfterMs: number
  readonly log: Log
  readonly everyMs?: number
}

/**
 * The clusters that nobody configures any more: what is known of them is kept for a while, so that one that comes back has
 * missed nothing, and then dropped. Nothing is ever told of them.
 */
export class RemovedClusters {
  readonly #options: RemovedClustersOptions

  constructor(options: RemovedClustersOptions) {
    this.#options = options
  }

  /** Runs until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { everyMs = 10_000 } = this.#options
    while (!signal.aborted) {
      // first the others are given time to say what they are configured for
      await sleep(everyMs, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await this.turn().catch(() => {})
    }
  }

  async turn(): Promise<void> {
    const { redis, keys, configured, forgetAfterMs } = this.#options
    const nowMs = await redisNowMs(redis)
    const names = configured()
    const removed = await redis.hgetall(keys.clustersRemoved)
    for (const name of await redis.hkeys(keys.clusters)) {
      const sinceMs = removed[name]
      if (names.has(name)) {
        if (sinceMs !== undefined) await redis.hdel(keys.clustersRemoved, name)
      } else if (sinceMs === undefined) await redis.hsetnx(keys.clustersRemoved, name, nowMs)
      else if (nowMs - Number(sinceMs) > forgetAfterMs) await this.#drop(name)
    }
  }

  async #drop(name: string): Promise<void> {
    const forgotten = await forgetCluster(this.#options, name)
    if (forgotten.status !== 'Forgotten') return
    const { streams } = forgotten
    this.#options.log.info({ cluster: name, streams }, 'cluster was configured by nobody for long; it is forgotten')
  }
}
