import { settingsFor, type Values } from './cli-command.ts'
import { print, wantsJson } from './cli-print.ts'
import { addDrains, withRedis } from './cli-redis.ts'
import { triggerNamed } from './cli-triggers.ts'
import { shardKeys } from './core/redis/keys.ts'
import { backlogOf } from './dispatcher/queue/backlog.ts'
import { Pause } from './dispatcher/queue/pause.ts'

/** One shard holds everything so far. */
const shard = 0

/** Stops one trigger's deliveries; its deltas wait. */
export async function pause(values: Values, [name = '']: readonly string[]): Promise<number> {
  const json = wantsJson(values)
  const { redis: settings } = settingsFor(values)
  const keys = shardKeys(settings.prefix, shard)
  return withRedis(settings, async (redis) => {
    const { id } = await triggerNamed(redis, settings.prefix, name)
    const began = await new Pause(keys).begin(redis, id)
    const { pending, inFlight } = await backlogOf(redis, keys, id)
    if (json) return print(JSON.stringify({ trigger: name, paused: true, changed: began, pending, inFlight }))
    return print(`${began ? 'paused' : 'paused already'}; ${pending} deltas wait, ${inFlight} objects are in flight`)
  })
}

/** Goes on with what waits. */
export async function resume(values: Values, [name = '']: readonly string[]): Promise<number> {
  const json = wantsJson(values)
  const { redis: settings } = settingsFor(values)
  const keys = shardKeys(settings.prefix, shard)
  return withRedis(settings, async (redis) => {
    const { id } = await triggerNamed(redis, settings.prefix, name)
    const { wasPaused, armed } = await new Pause(keys).end(redis, id)
    await addDrains(settings, keys, id, armed)
    const { pending } = await backlogOf(redis, keys, id)
    if (json) return print(JSON.stringify({ trigger: name, paused: false, changed: wasPaused, pending }))
    return print(`${wasPaused ? 'resumed' : 'was not paused'}; ${pending} deltas wait`)
  })
}
