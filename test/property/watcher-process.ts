import type { Redis } from 'ioredis'
import { silentLog } from '../../core/log.ts'
import type { ShardKeys } from '../../core/redis/keys.ts'
import type { TriggerRecord } from '../../core/triggers.ts'
import { ClusterStreams } from '../../watcher/cluster-streams.ts'
import { loadStreamScripts } from '../../watcher/stream-store.ts'
import type { ClusterModel } from './cluster-model.ts'
import { FragileRedis } from './fragile-redis.ts'
import type { JobBoard } from './job-board.ts'

export const clusterId = 'c1'
const clusterName = 'prod'

export interface WatcherContext {
  readonly redis: Redis
  readonly keys: ShardKeys
  /** Names the process, and is its token as the cluster's owner. */
  readonly token: string
  readonly cluster: ClusterModel
  readonly board: JobBoard
  readonly triggers: readonly TriggerRecord[]
  /** It is dead, taken for dead, or was told that another one owns the cluster. */
  readonly onLost: () => void
}

const scripts = loadStreamScripts()

/** A watcher that owns its one cluster, as far as its part from the streams down goes, on a connection that breaks to order. */
export class WatcherProcess {
  readonly fragile: FragileRedis
  readonly ended: Promise<void>
  readonly #streams: ClusterStreams
  readonly #stop = new AbortController()
  readonly #redis: Redis

  constructor({ redis, keys, token, cluster, board, triggers, onLost }: WatcherContext) {
    this.#redis = redis
    this.fragile = new FragileRedis(redis, () => {
      if (this.fragile.dead) this.#stop.abort()
      onLost()
    })
    let names = 0
    this.#streams = new ClusterStreams({
      settings: { name: clusterName, labels: {}, access: {} },
      clusterId,
      redis,
      redisAgain: async (signal) => {
        await tick()
        signal.throwIfAborted()
      },
      shard: keys,
      token,
      api: cluster,
      sleep: tick,
      scripts,
      freshName: () => `${token}-${names++}`,
      addDrain: (triggerId, drainId) => {
        if (!this.fragile.dead) board.add(triggerId, drainId)
      },
      log: silentLog,
    })
    this.setTriggers(triggers)
    this.ended = this.#streams.run(this.#stop.signal, () => {
      this.#stop.abort()
      onLost()
    })
  }

  setTriggers(triggers: readonly TriggerRecord[]): void {
    this.#streams.setTriggers(triggers)
  }

  /** Whether every stream that the triggers need is open, and no other. */
  get following(): boolean {
    return !this.#streams.problems().includes('streams are being opened')
  }

  async close(): Promise<void> {
    this.fragile.die()
    this.#redis.disconnect()
    await this.ended
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
