import type { Redis } from 'ioredis'
import { decodeEntry, type Entry } from '../../core/queue/entry.ts'
import { installationKeys, shardKeys } from '../../core/redis/keys.ts'
import { definitionHash, type TriggerDefinition } from '../../core/triggers.ts'

type Loose = Omit<TriggerDefinition, 'name' | 'target'>

/** Puts a trigger into force as a dispatcher would, without one. Returns its record's id. */
export async function putTrigger(redis: Redis, prefix: string, name: string, filter: Loose): Promise<string> {
  const keys = installationKeys(prefix)
  const definition: TriggerDefinition = { name, target: { function: name }, ...filter }
  const present = await redis.hget(keys.triggers, name)
  const id = present?.split('\n')[0] ?? `t${await redis.incr(keys.ids)}`
  const hash = definitionHash(definition)
  await redis.hset(keys.triggers, name, `${id}\nactive\n0\n${hash}\n${hash}\n${JSON.stringify(definition)}`)
  await redis.incr(keys.triggersRevision)
  return id
}

/** What waits in a trigger's mailboxes, in order per object, with the objects in the order of their names. */
export async function waiting(redis: Redis, prefix: string, triggerId: string): Promise<Entry[]> {
  const start = `${shardKeys(prefix, 0).queue(triggerId)}:mb:`
  const keys: string[] = []
  for await (const some of redis.scanStream({ match: `${start}*`, count: 1_000 })) keys.push(...some)
  const lists = await Promise.all([...new Set(keys)].sort().map((key) => redis.lrange(key, 0, -1)))
  return lists.flat().map(decodeEntry)
}

/** A delta in short: `Added web initial`. */
export function short({ type, name, initial, finalStateUnknown, reason }: Entry): string {
  const marks = [initial && 'initial', finalStateUnknown && 'unseen', reason].filter(Boolean)
  return [type, name, ...marks].join(' ')
}
