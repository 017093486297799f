import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { InstallationKeys, ShardKeys } from '../core/redis/keys.ts'
import { loadScript, type Script } from '../core/redis/script.ts'
import type { PinnedIdentity } from './cluster-identity.ts'
import type { ClusterRecord } from './cluster-record.ts'

export interface AdoptionOptions {
  readonly redis: Redis
  readonly keys: InstallationKeys
  readonly shardKeys: (shard: number) => ShardKeys
  readonly script: Script
  /** The names that any living watcher is configured for. */
  readonly configured: () => ReadonlySet<string>
}

/** A lease that its owner did not give back runs out within this. */
const leaseMs = 12_000
const lookEveryMs = 500

export function loadAdoption(): Script {
  return loadScript(new URL('adopt-cluster.lua', import.meta.url))
}

/**
 * A cluster that is configured under another name goes on with what is known of it. Returns its former name, if nobody is
 * configured for that any more; its watcher is given time to let go.
 */
export async function adopt(
  options: AdoptionOptions,
  name: string,
  uid: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { redis, keys, script } = options
  if ((await redis.hexists(keys.clusters, name)) === 1) return undefined
  for (let waitedMs = 0; ; waitedMs += lookEveryMs) {
    const orphan = await orphanOf(options, uid)
    if (!orphan) return undefined
    if (orphan.free) {
      const answer = await script.run(
        redis,
        [keys.clusters, keys.clustersRemoved, keys.clusterReports],
        [orphan.name, name, orphan.record],
      )
      return answer === 1 ? orphan.name : undefined
    }
    if (waitedMs >= leaseMs) return undefined
    await sleep(lookEveryMs, undefined, { signal })
  }
}

async function orphanOf({ redis, keys, shardKeys, configured }: AdoptionOptions, uid: string) {
  const identities = await redis.hgetall(keys.clusterIdentities)
  const names = configured()
  for (const [name, record] of Object.entries(await redis.hgetall(keys.clusters))) {
    const { id, shard }: ClusterRecord = JSON.parse(record)
    const identity = identities[id]
    if (names.has(name) || identity === undefined || (JSON.parse(identity) as PinnedIdentity).uid !== uid) continue
    return { name, record, free: (await redis.exists(shardKeys(shard).owner(id))) === 0 }
  }
  return undefined
}
