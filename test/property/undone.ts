import type { Redis } from 'ioredis'
import type { ShardKeys } from '../../core/redis/keys.ts'
import type { ClusterModel } from './cluster-model.ts'
import type { JobBoard } from './job-board.ts'
import type { Ledger } from './ledger.ts'
import type { TriggerSet } from './trigger-set.ts'

interface Surroundings {
  readonly redis: Redis
  readonly keys: ShardKeys
  readonly cluster: ClusterModel
  readonly board: JobBoard
  readonly ledger: Ledger
  readonly triggers: TriggerSet
}

/** What is still to be done before everybody has seen and delivered everything; '': nothing. */
export async function undone(world: Surroundings): Promise<string> {
  const { redis, keys, cluster, board, ledger, triggers: set } = world
  const wanted = set.wanted()
  const stored = await redis.hkeys(keys.streams)
  if (stored.length !== wanted.size) return `${stored.length} streams instead of ${wanted.size}`
  for (const [id, { triggers }] of wanted) {
    const [phase, rv] = await redis.hmget(keys.stream(id), 'phase', 'resourceVersion')
    if (phase !== 'live' || rv !== String(cluster.rv)) return `stream ${id} is ${phase} at ${rv}`
    const attached = await redis.hgetall(keys.attachments(id))
    if (JSON.stringify(Object.entries(attached).sort()) !== JSON.stringify(triggers.map((t) => [t.id, t.hash]).sort()))
      return `on stream ${id} is ${JSON.stringify(attached)}`
  }
  for (const { id } of ledger.triggers) {
    const queue = keys.queue(id)
    const [pending, owned, armed, parked] = await Promise.all([
      redis.get(`${queue}:pending`),
      redis.smembers(`${queue}:owned`),
      redis.hgetall(`${queue}:armed`),
      redis.zrange(`${queue}:parked`, '0', '-1'),
    ])
    if (Number(pending) !== 0 || owned.length > 0 || Object.keys(armed).length > 0 || parked.length > 0)
      return `of trigger ${id} ${JSON.stringify({ pending, owned, armed, parked })}`
  }
  return board.empty ? '' : 'there are jobs'
}
