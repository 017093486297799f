import { Misuse, type Values } from './cli-command.ts'
import type { DeadContext } from './cli-dead.ts'
import { type Found, findDead, hasCondition } from './cli-dead-search.ts'
import { print } from './cli-print.ts'
import { addDrains } from './cli-redis.ts'

/** So many ids are told one by one where people read them. */
const toldOneByOne = 10

/** Puts dead letters at the end of their objects' lines. 1 when some of them are superseded, and stay. */
export async function replayDead(context: DeadContext): Promise<number> {
  const { redis, settings, keys, store, values, json } = context
  const { force = false, 'dry-run': dryRun = false } = values
  let replayed = 0
  const superseded: string[] = []
  for (const [triggerId, found] of await meant(context)) {
    const letters = found.map(({ letter }) => letter)
    const { outcomes, armed } = await store.replay(redis, triggerId, letters, { force, dryRun })
    await addDrains(settings, keys, triggerId, armed)
    for (const { id, letter } of found) {
      const outcome = outcomes.get(letter)
      if (outcome === 'REPLAYED') replayed++
      if (outcome === 'SUPERSEDED') superseded.push(id)
    }
  }
  if (json) print(JSON.stringify({ dryRun, replayed, superseded }))
  else print(`${dryRun ? 'would replay' : 'replayed'} ${replayed}`)
  if (!json && superseded.length > 0) {
    const more = superseded.length - toldOneByOne
    const ids = `${superseded.slice(0, toldOneByOne).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
    const why = 'a newer delta of the same object was delivered, or waits'
    process.stderr.write(`${superseded.length} superseded (${ids}): ${why}; --force replays them out of order\n`)
  }
  return superseded.length > 0 ? 1 : 0
}

/** Drops dead letters for good. */
export async function dropDead(context: DeadContext): Promise<number> {
  const { redis, store, values, json } = context
  const { 'dry-run': dryRun = false } = values
  let dropped = 0
  for (const [triggerId, found] of await meant(context)) {
    const letters = found.map(({ letter: { letter } }) => letter)
    dropped += dryRun ? letters.length : await store.drop(redis, triggerId, letters)
  }
  return print(json ? JSON.stringify({ dryRun, dropped }) : `${dryRun ? 'would drop' : 'dropped'} ${dropped}`)
}

/** By trigger. */
async function meant({ redis, settings, store, values }: DeadContext): Promise<Map<string, Found[]>> {
  const byTrigger = new Map<string, Found[]>()
  for await (const found of findDead(redis, settings.prefix, store, values)) {
    const others = byTrigger.get(found.trigger.id)
    if (others) others.push(found)
    else byTrigger.set(found.trigger.id, [found])
  }
  return byTrigger
}

/** Throws Misuse when neither a condition nor `--all` says which are meant. */
export function refuseVagueness(values: Values): void {
  const narrowed = hasCondition(values)
  if (!narrowed && !values.all) throw new Misuse('which dead letters? Give a condition, as in --trigger NAME, or --all')
  if (narrowed && values.all) throw new Misuse('give a condition or --all, not both')
}
