import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Filter } from './on.ts'
import type { InstallationKeys } from './redis/keys.ts'

/** A trigger as it stands in Redis, where dispatchers put it and watchers read it. */
export interface TriggerDefinition extends Omit<Filter, 'name' | 'delivery'> {
  readonly name: string
  readonly gvk: readonly string[]
  /** What it delivers to. */
  readonly target: { readonly function: string } | { readonly sink: string; readonly settings: string }
}

/**
 * `active`: a dispatcher publishes it, or has ended without taking it back. `orphaned`: taken back by its last publisher, still in
 * force for a while. `dropping`: not in force any more; what waits for it is being removed, then the record goes.
 */
export type TriggerState = 'active' | 'orphaned' | 'dropping'

export interface TriggerRecord {
  /** New after a drop; keys hold it, never the name. */
  readonly id: string
  readonly name: string
  readonly state: TriggerState
  /** In this state since, in ms by Redis' clock. */
  readonly sinceMs: number
  readonly hash: string
  readonly definition: TriggerDefinition
}

/** The same for equal definitions, whatever the order of their keys. */
export function definitionHash(definition: TriggerDefinition): string {
  return createHash('sha256').update(canonical(definition)).digest('hex').slice(0, 16)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** Parses a record as publish.lua writes it: `id\nstate\nsince\nhash\nevery hash seen\ndefinition`. */
export function parseTriggerRecord(name: string, text: string): TriggerRecord {
  const [id, state, since, hash, , ...definition] = text.split('\n')
  return {
    id: id!,
    name,
    state: state as TriggerState,
    sinceMs: Number(since),
    hash: hash!,
    definition: JSON.parse(definition.join('\n')),
  }
}

export interface TriggerSet {
  readonly revision: string
  readonly triggers: readonly TriggerRecord[]
}

/** Every trigger in force: what any dispatcher publishes, and what waits as an orphan. */
export async function readTriggers(redis: Redis, keys: InstallationKeys): Promise<TriggerSet> {
  // the revision first: a change in between makes the next look find a new revision
  const revision = (await redis.get(keys.triggersRevision)) ?? '0'
  const records = await readTriggerRecords(redis, keys)
  return { revision, triggers: records.filter(({ state }) => state !== 'dropping') }
}

/** Also those that are being dropped. */
export async function readTriggerRecords(redis: Redis, keys: InstallationKeys): Promise<TriggerRecord[]> {
  const records = await redis.hgetall(keys.triggers)
  return Object.entries(records).map(([name, text]) => parseTriggerRecord(name, text))
}

/** The names of the triggers that somebody publishes who was heard of after `sinceMs`, by Redis' clock. */
export async function readPublishedNames(
  redis: Redis,
  keys: InstallationKeys,
  sinceMs: number,
): Promise<ReadonlySet<string>> {
  // as publish.lua writes it: when, then a line `<name> <hash>` for each
  const lists = (await redis.hvals(keys.publishers)).map((text) => text.split('\n'))
  const living = lists.filter(([at]) => Number(at) >= sinceMs)
  return new Set(living.flatMap(([, ...lines]) => lines.map((line) => line.split(' ')[0]!)))
}
