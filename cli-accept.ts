import { CommandFailure, Misuse, settingsFor, type Values } from './cli-command.ts'
import { print, wantsJson } from './cli-print.ts'
import { withRedis } from './cli-redis.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import { installationKeys, shardKeys } from './core/redis/keys.ts'
import { acceptCluster } from './watcher/accept-cluster.ts'

/** Takes the cluster that answers under a name for the right one, after another one did before. */
export async function cluster(values: Values, [what = '', name = '']: readonly string[]): Promise<number> {
  if (what !== 'accept') throw new Misuse(`there is cluster accept, not cluster ${what}`)
  const json = wantsJson(values)
  const { redis: settings } = settingsFor(values)
  return withRedis(settings, async (redis) => {
    const keys = installationKeys(settings.prefix)
    const accepted = await acceptCluster(redis, keys, (shard) => shardKeys(settings.prefix, shard), name)
    if (accepted.status === 'NotFound') {
      const which = `there is no cluster ${name}${didYouMean(name, await redis.hkeys(keys.clusters))}`
      throw new CommandFailure('NotFound', which, { fix: 'see deltabridge status' })
    }
    const isNew = accepted.status === 'Accepted'
    const message = isNew
      ? 'accepted: it is listed, and what differs from the former one is told'
      : 'nothing to accept: the cluster that answers is the one that is known'
    return print(json ? JSON.stringify({ cluster: name, accepted: isNew, message }) : message)
  })
}
