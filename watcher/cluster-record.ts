import type { Redis } from 'ioredis'
import type { InstallationKeys } from '../core/redis/keys.ts'

/** What the installation calls a cluster in its keys: lasting, whatever people call it. */
export interface ClusterRecord {
  readonly id: string
  readonly shard: number
}

/** One shard holds every cluster until there is a reason for more; where a cluster is, is stored and never computed again. */
const firstShard = 0

/** The cluster's record; made on first use. */
export async function clusterRecord(redis: Redis, keys: InstallationKeys, name: string): Promise<ClusterRecord> {
  const stored = await redis.hget(keys.clusters, name)
  if (stored !== null) return JSON.parse(stored)
  const record: ClusterRecord = { id: `c${await redis.incr(keys.ids)}`, shard: firstShard }
  // another process may have been faster: what stands there holds, and an id is left unused
  await redis.hsetnx(keys.clusters, name, JSON.stringify(record))
  return JSON.parse((await redis.hget(keys.clusters, name))!)
}
