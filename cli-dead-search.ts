import type { Redis } from 'ioredis'
import { CommandFailure, Misuse, type Values } from './cli-command.ts'
import { parseSince } from './cli-since.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import { globList } from './core/filter.ts'
import { installationKeys } from './core/redis/keys.ts'
import { redisNowMs } from './core/status.ts'
import { readTriggers, type TriggerRecord } from './core/triggers.ts'
import type { DeadLetter, DeadLetters } from './dispatcher/queue/dead-letters.ts'

/** A dead letter with the trigger that it is of. */
export interface Found {
  /** Unique over triggers, as people write it: `t3-17`. */
  readonly id: string
  readonly trigger: TriggerRecord
  readonly letter: DeadLetter
}

/** Whether the command line says which dead letters are meant. */
export function hasCondition({ trigger, cluster, gvk, object, since, id }: Values): boolean {
  return [trigger, cluster, gvk, object, since, id].some((condition) => condition !== undefined)
}

/** Those that the command line asks for, the newest first, after the one that a page before ended with (`next`). */
export async function* findDead(
  redis: Redis,
  prefix: string,
  store: DeadLetters,
  values: Values,
): AsyncGenerator<Found, void, void> {
  const nowMs = await redisNowMs(redis)
  const sinceMs = values.since === undefined ? 0 : parseSince(values.since, nowMs)
  const after = values.next === undefined ? undefined : parseNext(values.next)
  const triggers = await triggersOf(redis, prefix, values)
  const wanted = conditions(values)
  if (values.id !== undefined) return yield* await byId(redis, store, triggers, values.id, sinceMs, wanted)
  const untilMs = after?.atMs ?? nowMs
  const sources = await Promise.all(
    triggers.map(async (trigger) => {
      const letters = store.newestFirst(redis, trigger.id, sinceMs, untilMs)
      return { trigger, letters, head: await letters.next() }
    }),
  )
  for (;;) {
    const heads = sources.flatMap(({ trigger, head }) => (head.done ? [] : [foundOf(trigger, head.value)]))
    const newest = heads.sort(newestFirst)[0]
    if (!newest) return
    const source = sources.find(({ trigger }) => trigger.id === newest.trigger.id)!
    source.head = await source.letters.next()
    if (wanted(newest) && (!after || isAfter(newest, after))) yield newest
  }
}

/** What a page that ends with this one says for the next. */
export function nextAfter({ id, letter }: Found): string {
  return `${letter.deadAtMs}.${id}`
}

interface Place {
  readonly atMs: number
  readonly triggerId: string
  readonly letter: string
}

function parseNext(text: string): Place {
  const [, atMs, triggerId, number] = /^(\d+)\.(.+)-(\d+)$/.exec(text) ?? []
  if (triggerId === undefined) throw new Misuse(`--next ${text} is not what dead list says as next`)
  return { atMs: Number(atMs), triggerId, letter: `dead-${number}` }
}

function placeOf({ letter, trigger }: Found): Place {
  return { atMs: letter.deadAtMs, triggerId: trigger.id, letter: letter.letter }
}

/** The order that Redis has within a trigger, over all of them: of one moment by name, backwards. */
function compare(a: Place, b: Place): number {
  if (a.atMs !== b.atMs) return b.atMs - a.atMs
  if (a.letter !== b.letter) return a.letter > b.letter ? -1 : 1
  return a.triggerId === b.triggerId ? 0 : a.triggerId > b.triggerId ? -1 : 1
}

function newestFirst(a: Found, b: Found): number {
  return compare(placeOf(a), placeOf(b))
}

function isAfter(found: Found, place: Place): boolean {
  return compare(placeOf(found), place) > 0
}

function foundOf(trigger: TriggerRecord, letter: DeadLetter): Found {
  return { id: `${trigger.id}-${letter.letter.slice('dead-'.length)}`, trigger, letter }
}

async function triggersOf(redis: Redis, prefix: string, { trigger: names }: Values): Promise<TriggerRecord[]> {
  const { triggers } = await readTriggers(redis, installationKeys(prefix))
  if (names === undefined) return [...triggers]
  const wanted = globList(names.split(','))
  const found = triggers.filter(({ name }) => wanted(name))
  if (found.length > 0) return found
  const near = didYouMean(
    names,
    triggers.map(({ name }) => name),
  )
  throw new CommandFailure('NotFound', `there is no trigger ${names}${near}`, { fix: 'see deltabridge status' })
}

function conditions({ cluster, gvk, object }: Values): (found: Found) => boolean {
  const clusters = globList(cluster?.split(',') ?? [])
  const objects = globList(object?.split(',') ?? [])
  return ({ letter: { entry } }) =>
    clusters(entry.cluster) &&
    (gvk === undefined || entry.gvk === gvk) &&
    (object === undefined || objects(object.includes('/') ? `${entry.namespace ?? ''}/${entry.name}` : entry.name))
}

/** Throws CommandFailure for an id that there is not. */
async function byId(
  redis: Redis,
  store: DeadLetters,
  triggers: readonly TriggerRecord[],
  ids: string,
  sinceMs: number,
  wanted: (found: Found) => boolean,
): Promise<Found[]> {
  const all = await Promise.all(
    ids.split(',').map(async (id) => {
      const [, triggerId = '', number] = /^(.+)-(\d+)$/.exec(id) ?? []
      const trigger = triggers.find((one) => one.id === triggerId)
      const [letter] = trigger ? await store.read(redis, triggerId, [`dead-${number}`]) : []
      if (!trigger || !letter)
        throw new CommandFailure(
          'NotFound',
          `there is no dead letter ${id}: it was replayed or dropped, or never was`,
          {
            fix: 'see deltabridge dead list',
          },
        )
      return foundOf(trigger, letter)
    }),
  )
  return all.filter((found) => found.letter.deadAtMs >= sinceMs && wanted(found)).sort(newestFirst)
}
