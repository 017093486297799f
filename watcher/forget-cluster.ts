import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { InstallationKeys, ShardKeys } from '../core/redis/keys.ts'
import { readStreamReports } from '../core/status.ts'
import type { ClusterRecord } from './cluster-record.ts'
import type { OwnerScripts } from './owner.ts'
import { forgetStream, storedStreams } from './stored-streams.ts'
import { type StreamScripts, StreamStore } from './stream-store.ts'

export interface ForgetClusterOptions {
  readonly redis: Redis
  readonly keys: InstallationKeys
  readonly shardKeys: (shard: number) => ShardKeys
  readonly scripts: { readonly owner: OwnerScripts; readonly stream: StreamScripts }
  readonly freshName: () => string
}

export type ForgottenCluster =
  | { readonly status: 'Forgotten'; readonly streams: number }
  /** A watcher has it, or had it until a moment ago. */
  | { readonly status: 'Owned' }
  | { readonly status: 'NotFound' }

const dropLeaseMs = 60_000

/** Removes what is known of a cluster that nobody watches. What waits in mailboxes stays, and is delivered. */
export async function forgetCluster(
  { redis, keys, shardKeys, scripts, freshName }: ForgetClusterOptions,
  name: string,
): Promise<ForgottenCluster> {
  const stored = await redis.hget(keys.clusters, name)
  if (stored === null) return { status: 'NotFound' }
  const { id, shard: number }: ClusterRecord = JSON.parse(stored)
  const shard = shardKeys(number)
  const owner = shard.owner(id)
  const token = randomUUID()
  if (!(await redis.set(owner, token, 'PX', dropLeaseMs, 'NX'))) return { status: 'Owned' }
  try {
    const streams = await storedStreams(redis, shard, id)
    for (const { query } of streams.values())
      await forgetStream(new StreamStore(redis, shard, token, query, scripts.stream), freshName)
    const reports = [...(await readStreamReports(redis, shard))].filter(([, { cluster }]) => cluster === name)
    if (reports.length > 0) await redis.hdel(shard.streamReports, ...reports.map(([field]) => field))
    await redis.del(shard.positions(id), shard.absent(id))
    await redis.hdel(keys.clusterIdentities, id)
    // after all that hangs on it, so that what breaks off can be done again
    await redis.hdel(keys.clusters, name)
    await redis.hdel(keys.clusterReports, name)
    await redis.hdel(keys.clustersRemoved, name)
    return { status: 'Forgotten', streams: streams.size }
  } finally {
    await scripts.owner.release.run(redis, [owner], [token])
  }
}
