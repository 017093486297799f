import type { Redis } from 'ioredis'
import { Misuse, settingsFor, type Values } from './cli-command.ts'
import { dropDead, refuseVagueness, replayDead } from './cli-dead-change.ts'
import { type Found, findDead, nextAfter } from './cli-dead-search.ts'
import { print, table, wantsJson } from './cli-print.ts'
import { withRedis } from './cli-redis.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import { readPayloads } from './core/queue/payloads.ts'
import type { RedisSettings } from './core/redis/connection.ts'
import { type ShardKeys, shardKeys } from './core/redis/keys.ts'
import { deltaOfEntry } from './dispatcher/delta-of-entry.ts'
import { DeadLetters } from './dispatcher/queue/dead-letters.ts'

/** What the subcommands of `dead` work with. */
export interface DeadContext {
  readonly redis: Redis
  readonly settings: RedisSettings
  readonly keys: ShardKeys
  readonly store: DeadLetters
  readonly values: Values
  readonly json: boolean
}

type Act = (context: DeadContext) => Promise<number>

/** The options that only some of them have a use for. */
const actions: Readonly<Record<string, { readonly act: Act; readonly own: readonly (keyof Values)[] }>> = {
  list: { act: list, own: ['limit', 'next'] },
  show: { act: show, own: [] },
  replay: { act: replayDead, own: ['all', 'force', 'dry-run'] },
  drop: { act: dropDead, own: ['all', 'dry-run'] },
}

const everyOwn = ['limit', 'next', 'all', 'force', 'dry-run'] as const

/** One shard holds everything so far. */
const shard = 0
const usualLimit = 50

/** Lists, shows, replays or drops what could not be delivered. */
export async function dead(values: Values, [what = '', id]: readonly string[]): Promise<number> {
  const action = Object.hasOwn(actions, what) ? actions[what] : undefined
  if (!action)
    throw new Misuse(`dead knows no ${what}${didYouMean(what, Object.keys(actions))}: list, show, replay or drop`)
  const idle = everyOwn.find((option) => values[option] !== undefined && !action.own.includes(option))
  if (idle !== undefined) throw new Misuse(`dead ${what} has no use for --${idle}`)
  if (id !== undefined && values.id !== undefined) throw new Misuse('give the id once')
  if (what === 'show' && id === undefined && values.id === undefined) throw new Misuse('dead show lacks ID')
  const meant = id === undefined ? values : { ...values, id }
  if (action.own.includes('all')) refuseVagueness(meant)
  const json = wantsJson(values)
  const { redis: settings } = settingsFor(values)
  const keys = shardKeys(settings.prefix, shard)
  const store = new DeadLetters(keys)
  return withRedis(settings, (redis) => action.act({ redis, settings, keys, store, values: meant, json }))
}

async function list({ redis, settings, store, values, json }: DeadContext): Promise<number> {
  const limit = limitOf(values)
  const page: Found[] = []
  let isMore = false
  for await (const found of findDead(redis, settings.prefix, store, values)) {
    isMore = page.length === limit
    if (isMore) break
    page.push(found)
  }
  const next = isMore ? nextAfter(page.at(-1)!) : undefined
  if (json) return print(JSON.stringify({ items: page.map(itemOf), ...(next !== undefined && { next }) }, null, 2))
  if (page.length === 0) return print('no dead letters')
  const rows = page.map(itemOf).map((one) => {
    const name = one.namespace === undefined ? one.name : `${one.namespace}/${one.name}`
    return [one.id, one.trigger, one.cluster, one.gvk, name, one.type, one.attempts, one.deadAt, one.error]
  })
  print(table(['ID', 'TRIGGER', 'CLUSTER', 'GVK', 'OBJECT', 'TYPE', 'ATTEMPTS', 'DEAD SINCE', 'ERROR'], rows))
  return next === undefined ? 0 : print(`\nmore: --next ${next}`)
}

function limitOf({ limit }: Values): number {
  if (limit === undefined) return usualLimit
  if (!/^[1-9]\d*$/.test(limit)) throw new Misuse(`--limit ${limit} is no number from 1`)
  return Number(limit)
}

/** Scripts rely on the names. */
function itemOf({ id, trigger, letter: { entry, attempts, error, firstFailedAtMs, deadAtMs } }: Found) {
  const { cluster, gvk, namespace, name, type } = entry
  return {
    id,
    trigger: trigger.name,
    cluster,
    gvk,
    ...(namespace !== undefined && { namespace }),
    name,
    type,
    attempts,
    error: `${error.name}: ${error.message}`,
    firstFailedAt: new Date(firstFailedAtMs).toISOString(),
    deadAt: new Date(deadAtMs).toISOString(),
    deltaId: entry.id,
  }
}

async function show({ redis, settings, keys, store, values, json }: DeadContext): Promise<number> {
  const shown: object[] = []
  for await (const found of findDead(redis, settings.prefix, store, values)) {
    const { entry, error } = found.letter
    const payloads = await readPayloads(redis, keys, [entry.payload, entry.old])
    const whole = { ...itemOf(found), ...(error.stack !== undefined && { stack: error.stack }) }
    shown.push({ ...whole, ...deltaOf(found, payloads) })
  }
  if (json) return print(shown.map((one) => JSON.stringify(one, null, 2)).join('\n'))
  return print(shown.map(readable).join('\n\n'))
}

/** A delta may have died because its payload is gone: the rest of the letter is told all the same. */
function deltaOf({ letter }: Found, payloads: ReadonlyMap<string, Buffer>): object {
  try {
    return { delta: deltaOfEntry(letter.entry, payloads) }
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) }
  }
}

function readable(shown: object): string {
  const lines = Object.entries(shown).map(([field, value]) => {
    if (typeof value === 'object') return `${field}:\n${indented(JSON.stringify(value, null, 2))}`
    return String(value).includes('\n') ? `${field}:\n${indented(String(value))}` : `${field}: ${value}`
  })
  return lines.join('\n')
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
