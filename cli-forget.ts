import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { CommandFailure, Misuse, settingsFor, type Values } from './cli-command.ts'
import { print, wantsJson } from './cli-print.ts'
import { withRedis } from './cli-redis.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import type { Settings } from './core/config/settings.ts'
import { livingProcesses } from './core/presence.ts'
import { installationKeys, shardKeys } from './core/redis/keys.ts'
import { backlogOf } from './dispatcher/queue/backlog.ts'
import { forgetTrigger } from './dispatcher/registry/forget.ts'
import { forgetCluster } from './watcher/forget-cluster.ts'
import { loadOwnerScripts } from './watcher/owner.ts'
import { loadStreamScripts } from './watcher/stream-store.ts'

/** One shard holds everything so far. */
const shard = 0
/** An owner that has died holds its cluster this much longer, at most. */
const leasePatienceMs = 12_000

/** Drops what an orphaned trigger or a removed cluster left behind. */
export async function forget(values: Values, [what = '', name = '']: readonly string[]): Promise<number> {
  if (what !== 'trigger' && what !== 'cluster') throw new Misuse(`forget a trigger or a cluster, not ${what}`)
  const json = wantsJson(values)
  const settings = settingsFor(values)
  return withRedis(settings.redis, async (redis) => {
    const told = await (what === 'trigger' ? trigger : cluster)(redis, settings, name)
    return print(json ? JSON.stringify(told) : told.message)
  })
}

async function trigger(redis: Redis, { redis: { prefix } }: Settings, name: string) {
  const keys = installationKeys(prefix)
  const forgotten = await forgetTrigger(redis, keys, name)
  if (forgotten.status === 'NotFound') throw await unknown(redis, keys.triggers, `trigger ${name}`, name)
  if (forgotten.status === 'Published') {
    const fix = 'remove its module from the functions folder, or its entry under triggers'
    throw new CommandFailure('Published', `a dispatcher that runs still has trigger ${name}`, { fix })
  }
  const { pending, dead } = await backlogOf(redis, shardKeys(prefix, shard), forgotten.id)
  const runs = (await livingProcesses(redis, keys)).some(({ role }) => role === 'dispatcher')
  const when = runs ? 'now' : 'by the next dispatcher that starts'
  return {
    trigger: name,
    pending,
    dead,
    message: `dropped, with ${pending} deltas and ${dead} dead letters: they are removed ${when}`,
  }
}

async function cluster(redis: Redis, { redis: { prefix }, clusters }: Settings, name: string) {
  const keys = installationKeys(prefix)
  if (clusters.some((one) => one.name === name))
    throw new CommandFailure('Configured', `cluster ${name} is configured`, { fix: 'remove it from clusters first' })
  const shards = (number: number) => shardKeys(prefix, number)
  const scripts = { owner: loadOwnerScripts(), stream: loadStreamScripts() }
  const options = { redis, keys, shardKeys: shards, scripts, freshName: randomUUID }
  const until = performance.now() + leasePatienceMs
  let forgotten = await forgetCluster(options, name)
  while (forgotten.status === 'Owned' && performance.now() < until) {
    await sleep(500)
    forgotten = await forgetCluster(options, name)
  }
  if (forgotten.status === 'NotFound') throw await unknown(redis, keys.clusters, `cluster ${name}`, name)
  if (forgotten.status === 'Owned') {
    const fix = 'remove it from the configuration of every watcher first'
    throw new CommandFailure('Owned', `a watcher that runs watches cluster ${name}`, { fix })
  }
  const { streams } = forgotten
  return { cluster: name, streams, message: `forgotten, with ${streams} streams; what waits to be delivered stays` }
}

async function unknown(redis: Redis, key: string, what: string, name: string): Promise<CommandFailure> {
  const names = await redis.hkeys(key)
  return new CommandFailure('NotFound', `there is no ${what}${didYouMean(name, names)}`, {
    fix: 'see deltabridge status',
  })
}
