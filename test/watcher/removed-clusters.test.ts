import { expect, test } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { installationKeys, shardKeys } from '../../core/redis/keys.ts'
import { clusterRecord } from '../../watcher/cluster-record.ts'
import { loadOwnerScripts } from '../../watcher/owner.ts'
import { RemovedClusters } from '../../watcher/removed-clusters.ts'
import { storedStreams } from '../../watcher/stored-streams.ts'
import { loadStreamScripts } from '../../watcher/stream-store.ts'
import { redisCorner } from '../support/redis.ts'
import { configMap } from '../support/scripted-api.ts'
import { TestStreams } from '../support/streams.ts'

async function open() {
  const corner = redisCorner()
  const redis = await corner.connect()
  const keys = installationKeys(corner.prefix)
  const shard = shardKeys(corner.prefix, 0)
  const { id } = await clusterRecord(redis, keys, 'prod')
  const names = new Set<string>()
  let name = 0
  const removed = (forgetAfterMs: number) =>
    new RemovedClusters({
      redis,
      keys,
      shardKeys: (one) => shardKeys(corner.prefix, one),
      scripts: { owner: loadOwnerScripts(), stream: loadStreamScripts() },
      freshName: () => `n${name++}`,
      configured: () => names,
      forgetAfterMs,
      log: silentLog,
    })
  return { corner, redis, keys, shard, id, names, removed }
}

test('a cluster that nobody configures is remembered until its time is over, and then forgotten with its streams', async () => {
  const { corner, redis, keys, shard, id, removed } = await open()
  const streams = await TestStreams.open(corner)
  const noted = await streams.trigger('noted')
  const { stop } = streams.start([{ page: [configMap('a', '1')], resourceVersion: '2' }], [noted], { clusterId: id })
  await redis.set(shard.owner(id), 'owner')
  await expect.poll(async () => redis.hlen(shard.streams)).toBe(1)
  await stop()
  await redis.del(shard.owner(id))

  await removed(60_000).turn()
  await removed(60_000).turn()
  expect(await redis.hget(keys.clustersRemoved, 'prod')).toMatch(/^\d+$/)
  expect((await storedStreams(redis, shard, id)).size).toBe(1)

  await removed(-1).turn()
  expect(await redis.hget(keys.clusters, 'prod')).toBeNull()
  expect(await redis.hget(keys.clustersRemoved, 'prod')).toBeNull()
  expect((await storedStreams(redis, shard, id)).size).toBe(0)
  expect(await redis.exists(shard.owner(id))).toBe(0)
})

test('a cluster that is configured again in time is not removed any more', async () => {
  const { redis, keys, names, removed } = await open()
  await removed(60_000).turn()
  names.add('prod')
  await removed(-1).turn()
  expect(await redis.hget(keys.clustersRemoved, 'prod')).toBeNull()
  expect(await redis.hget(keys.clusters, 'prod')).not.toBeNull()
})

test('a cluster that somebody owns is not forgotten', async () => {
  const { redis, keys, shard, id, removed } = await open()
  await redis.set(shard.owner(id), 'another', 'PX', 60_000)
  await removed(-1).turn()
  await removed(-1).turn()
  expect(await redis.hget(keys.clusters, 'prod')).not.toBeNull()
  expect(await redis.get(shard.owner(id))).toBe('another')
})
