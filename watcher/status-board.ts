import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { InstallationKeys, ShardKeys } from '../core/redis/keys.ts'
import { type ClusterReport, livesMs, readClusterReports, redisNowMs, type StreamReport } from '../core/status.ts'
import type { Cluster } from './cluster.ts'
import type { ToldStream } from './cluster-streams.ts'

export interface StatusBoardOptions {
  readonly redis: Redis
  readonly keys: InstallationKeys
  /** This process. */
  readonly reporter: string
  readonly clusters: () => readonly Pick<Cluster, 'name' | 'status' | 'version' | 'told'>[]
  readonly everyMs?: number
}

/** So often is everything written again that did not change: Redis may have lost it, or an owner before this one left something. */
const wholeEveryMs = 10_000
const heardWithinMs = 1_000

/** Writes into Redis what people are told of clusters and streams. Nothing else reads it: what is lost is written again. */
export class StatusBoard {
  readonly #options: StatusBoardOptions
  /** What was written last, by field, of the clusters and of each cluster's streams. */
  readonly #written = new Map<string, Map<string, string>>()
  #wholeAt = Number.NEGATIVE_INFINITY

  constructor(options: StatusBoardOptions) {
    this.#options = options
  }

  /** Runs until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { everyMs = 1_000 } = this.#options
    while (!signal.aborted) {
      await this.write().catch(() => this.#forget())
      await sleep(everyMs, undefined, { signal }).catch(() => {})
    }
  }

  /** Writes what is new. */
  async write(): Promise<void> {
    const { redis, clusters } = this.#options
    const nowMs = await redisNowMs(redis)
    const whole = performance.now() - this.#wholeAt >= wholeEveryMs
    if (whole) this.#forget()
    await this.#writeClusters(nowMs)
    for (const cluster of clusters()) {
      const told = cluster.told()
      if (told) await this.#writeStreams(cluster.name, told, nowMs, whole)
    }
    if (whole) this.#wholeAt = performance.now()
  }

  #forget(): void {
    this.#written.clear()
    this.#wholeAt = Number.NEGATIVE_INFINITY
  }

  /** Who owns a cluster tells how it is; who does not, only where nobody else tells anything. */
  async #writeClusters(nowMs: number): Promise<void> {
    const { redis, keys, reporter, clusters } = this.#options
    const standing = await readClusterReports(redis, keys)
    const reports = new Map<string, string>()
    for (const { name, status, version } of clusters()) {
      const present = standing.get(name)
      const another = present && present.reporter !== reporter && nowMs - present.atMs <= livesMs
      if (another && status.state !== 'Owned') continue
      const report: ClusterReport = { ...status, version, reporter, atMs: floor(nowMs, livesMs / 3) }
      reports.set(name, JSON.stringify(report))
    }
    await this.#put(keys.clusterReports, this.#last(keys.clusterReports), reports)
  }

  async #writeStreams(
    cluster: string,
    { shard: { streamReports }, streams }: { readonly shard: ShardKeys; readonly streams: readonly ToldStream[] },
    nowMs: number,
    whole: boolean,
  ): Promise<void> {
    const last = this.#last(`${streamReports} ${cluster}`)
    const reports = new Map(streams.map((stream) => [stream.id, JSON.stringify(this.#report(cluster, stream, nowMs))]))
    const there = whole ? await this.#standing(streamReports, cluster) : [...last.keys()]
    await this.#put(streamReports, last, reports)
    const gone = there.filter((id) => !reports.has(id))
    if (gone.length === 0) return
    await this.#options.redis.hdel(streamReports, ...gone)
    for (const id of gone) last.delete(id)
  }

  async #standing(streamReports: string, cluster: string): Promise<string[]> {
    const all = Object.entries(await this.#options.redis.hgetall(streamReports))
    return all.filter(([, text]) => (JSON.parse(text) as StreamReport).cluster === cluster).map(([id]) => id)
  }

  #report(cluster: string, { gvk, namespace, status }: ToldStream, nowMs: number): StreamReport {
    const { lagMs, ...rest } = status
    const heardAtMs = floor(nowMs - lagMs, heardWithinMs)
    return { cluster, gvk, namespace, ...rest, owner: this.#options.reporter, heardAtMs }
  }

  #last(what: string): Map<string, string> {
    const last = this.#written.get(what) ?? new Map<string, string>()
    this.#written.set(what, last)
    return last
  }

  async #put(key: string, last: Map<string, string>, reports: ReadonlyMap<string, string>): Promise<void> {
    const changed = [...reports].filter(([field, text]) => last.get(field) !== text)
    if (changed.length === 0) return
    await this.#options.redis.hset(key, new Map(changed))
    for (const [field, text] of changed) last.set(field, text)
  }
}

/** Times of a report move in steps: what says the same as before costs no write. */
function floor(ms: number, stepMs: number): number {
  return Math.floor(ms / stepMs) * stepMs
}
