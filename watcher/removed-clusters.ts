import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Log } from '../core/log.ts'
import type { InstallationKeys, ShardKeys } from '../core/redis/keys.ts'
import { redisNowMs } from '../core/status.ts'
import type { ClusterRecord } from './cluster-record.ts'
import type { OwnerScripts } from './owner.ts'
import { forgetStream, storedStreams } from './stored-streams.ts'
import { type StreamScripts, StreamStore } from './stream-store.ts'

export interface RemovedClustersOptions {
  readonly redis: Redis
  readonly keys: InstallationKeys
  readonly shardKeys: (shard: number) => ShardKeys
  readonly scripts: { readonly owner: OwnerScripts; readonly stream: StreamScripts }
  readonly freshName: () => string
  /** The clusters that any living watcher is configured for. */
  readonly configured: () => ReadonlySet<string>
  readonly forgetAfterMs: number
  readonly log: Log
  readonly everyMs?: number
}

const dropLeaseMs = 60_000

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
    for (const [name, record] of Object.entries(await redis.hgetall(keys.clusters))) {
      const sinceMs = removed[name]
      if (names.has(name)) {
        if (sinceMs !== undefined) await redis.hdel(keys.clustersRemoved, name)
      } else if (sinceMs === undefined) await redis.hsetnx(keys.clustersRemoved, name, nowMs)
      else if (nowMs - Number(sinceMs) > forgetAfterMs) await this.#drop(name, JSON.parse(record))
    }
  }

  async #drop(name: string, { id, shard }: ClusterRecord): Promise<void> {
    const { redis, keys, shardKeys, scripts, freshName, log } = this.#options
    const shardsKeys = shardKeys(shard)
    const owner = shardsKeys.owner(id)
    const token = randomUUID()
    if (!(await redis.set(owner, token, 'PX', dropLeaseMs, 'NX'))) return
    try {
      const streams = await storedStreams(redis, shardsKeys, id)
      for (const { query } of streams.values())
        await forgetStream(new StreamStore(redis, shardsKeys, token, query, scripts.stream), freshName)
      await redis.hdel(keys.clusters, name)
      await redis.hdel(keys.clusterReports, name)
      await redis.hdel(keys.clustersRemoved, name)
      log.info({ cluster: name, streams: streams.size }, 'cluster was configured by nobody for long; it is forgotten')
    } finally {
      await scripts.owner.release.run(redis, [owner], [token])
    }
  }
}
