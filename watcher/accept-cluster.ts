import type { Redis } from 'ioredis'
import type { InstallationKeys, ShardKeys } from '../core/redis/keys.ts'
import type { PinnedIdentity } from './cluster-identity.ts'
import type { ClusterRecord } from './cluster-record.ts'

export type AcceptedCluster =
  | { readonly status: 'Accepted'; readonly uid: string }
  /** The cluster that answers is the one that is known. */
  | { readonly status: 'Unchanged' }
  | { readonly status: 'NotFound' }

/** From here on the cluster that answers under the name is the right one: it is listed, and the difference to the former one told. */
export async function acceptCluster(
  redis: Redis,
  keys: InstallationKeys,
  shardKeys: (shard: number) => ShardKeys,
  name: string,
): Promise<AcceptedCluster> {
  const stored = await redis.hget(keys.clusters, name)
  if (stored === null) return { status: 'NotFound' }
  const { id, shard }: ClusterRecord = JSON.parse(stored)
  const text = await redis.hget(keys.clusterIdentities, id)
  const { found }: Partial<PinnedIdentity> = text === null ? {} : JSON.parse(text)
  if (found === undefined) return { status: 'Unchanged' }
  const positions = shardKeys(shard).positions(id)
  // another past: no position of the former cluster means anything in it. Before the identity, so that both or neither hold
  for (const [resource, value] of Object.entries(await redis.hgetall(positions)))
    await redis.hset(positions, resource, `${Number(value.split('\n')[0]) + 1}\n`)
  await redis.hset(keys.clusterIdentities, id, JSON.stringify({ uid: found }))
  return { status: 'Accepted', uid: found }
}
