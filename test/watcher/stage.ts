import type { Redis } from 'ioredis'
import { type ShardKeys, shardKeys } from '../../core/redis/keys.ts'
import type { TriggerDefinition } from '../../core/triggers.ts'
import { Batch, type Phase } from '../../watcher/batch.ts'
import { Known } from '../../watcher/known.ts'
import { type Matcher, matcherOf } from '../../watcher/match.ts'
import type { Query } from '../../watcher/query.ts'
import { deleted, missing, seen } from '../../watcher/reflector.ts'
import { loadStreamScripts, StreamStore } from '../../watcher/stream-store.ts'
import { redisCorner } from '../support/redis.ts'

const token = 'mine'

const query: Query = {
  clusterId: '1',
  resource: { group: '', version: 'v1', resource: 'configmaps' },
  kind: 'ConfigMap',
  namespaced: true,
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  keepsOld: true,
  startsFor: '',
}

/** What a batch is made of: `+name uid resourceVersion`, `-` for DELETED, `?uid` for what a list lacked. */
export type Step =
  | readonly ['+' | '-', name: string, uid: string, resourceVersion: number]
  | readonly ['?', uid: string]

export interface Stage {
  readonly redis: Redis
  readonly keys: ShardKeys
  readonly known: Known
  /** A store whose scripts may be rewritten. */
  store(rewrite?: (source: string) => string, as?: string): StreamStore
  /** A batch of these steps; `send` commits it. */
  batch(name: string, steps: readonly Step[], matchers?: readonly Matcher[], phase?: Phase): Batch
  send(batch: Batch, options: SendOptions): Promise<[string, string][]>
  /** Everything in Redis but what an undone script may leave behind: counters that name nothing, and payloads that expire. */
  snapshot(): Promise<Record<string, unknown>>
}

export interface SendOptions {
  readonly prev: string
  readonly revision?: string
  readonly again?: boolean
  readonly store?: StreamStore
}

/** A stream's place in Redis, owned by `token`. */
export async function openStage(): Promise<Stage> {
  const corner = redisCorner()
  const redis = await corner.connect()
  const keys = shardKeys(corner.prefix, 0)
  await redis.set(keys.owner(query.clusterId), token)
  const known = new Known()
  const store = (rewrite?: (source: string) => string, as = token) =>
    new StreamStore(redis, keys, as, query, loadStreamScripts(rewrite))
  return {
    redis,
    keys,
    known,
    store,
    batch(name, steps, matchers = [], phase = 'live') {
      const now = () => new Date(0)
      const batch = new Batch(name, { cluster: 'c', query, base: known, matchers, phase, now })
      for (const step of steps) {
        if (step[0] === '?') batch.add(missing(batch.draft, step[1], 'MissedWhileDisconnected'))
        else {
          const object = sighting(step[1], step[2], step[3])
          batch.add(step[0] === '+' ? seen(batch.draft, object, 0) : deleted(batch.draft, object))
        }
      }
      return batch
    },
    async send(batch, { prev, revision = '0', again = false, store: by = store() }) {
      const pushes = await batch.pushes((references) => by.payloads(references))
      const drains = await by.commit({
        batch,
        pushes,
        prev,
        revision,
        phase: 'live',
        n: 0,
        resourceVersion: '9',
        again,
      })
      batch.draft.foldInto(known)
      return drains
    },
    snapshot: () => snapshotOf(redis, keys.tag),
  }
}

function sighting(name: string, uid: string, resourceVersion: number) {
  const metadata = { name, namespace: 'shop', uid, resourceVersion: String(resourceVersion) }
  const bytes = Buffer.from(JSON.stringify({ metadata, data: { at: `${resourceVersion}` } }))
  return { name, namespace: 'shop', uid, resourceVersion: String(resourceVersion), bytes }
}

export function matcherNamed(id: string, filter: Partial<TriggerDefinition> = {}): Matcher {
  const definition: TriggerDefinition = { name: id, gvk: ['v1/ConfigMap'], target: { function: id }, ...filter }
  return matcherOf({ id, name: id, state: 'active', sinceMs: 0, hash: 'h', definition })
}

async function snapshotOf(redis: Redis, tag: string): Promise<Record<string, unknown>> {
  const all: [string, unknown][] = []
  for await (const found of redis.scanStream({ match: `${tag}*`, count: 1_000 }) as AsyncIterable<string[]>) {
    for (const key of found) {
      const name = key.slice(tag.length)
      const expires = (await redis.pttl(key)) >= 0
      if (name.endsWith(':ids') || name.endsWith(':fired') || (expires && name.startsWith(':p:'))) continue
      const value = await contentOf(redis, key)
      if (name.endsWith(':pending') && value === '0') continue
      all.push([name, value])
    }
  }
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'hash': {
      const fields = Object.entries(await redis.hgetall(key)).filter(
        ([field, value]) => !(field.startsWith('#') && value === '0'),
      )
      // a drain's number and time are never the same twice
      if (key.endsWith(':armed')) return fields.map(([, value]) => value.replace(/^\d+/, 'now')).sort()
      return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)))
    }
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return (await redis.smembers(key)).sort()
    default:
      return redis.get(key)
  }
}

/** For every payload in Redis, how many refer to it: as it is counted, and as it is. */
export async function references({
  redis,
  keys,
}: Stage): Promise<{ counted: object; actual: object; fields: string[] }> {
  const counted: Record<string, number> = {}
  const actual: Record<string, number> = {}
  const fields: string[] = []
  const refer = (reference: string | undefined) => {
    if (reference) actual[reference] = (actual[reference] ?? 0) + 1
  }
  for await (const found of redis.scanStream({ match: `${keys.tag}*`, count: 1_000 }) as AsyncIterable<string[]>) {
    for (const key of found) {
      const name = key.slice(keys.tag.length)
      if (name.startsWith(':p:')) {
        for (const [field, value] of Object.entries(await redis.hgetall(key))) {
          if (field.startsWith('#')) counted[`${name.slice(3)}/${field.slice(1)}`] = Number(value)
          else fields.push(`${name.slice(3)}/${field}`)
        }
      } else if (name.endsWith(':known')) {
        for (const value of await redis.hvals(key)) refer(value.split('\n')[3])
      } else if (name.includes(':mb:')) {
        for (const entry of await redis.lrange(key, 0, -1)) for (const one of entry.split('\n').slice(0, 2)) refer(one)
      }
    }
  }
  return { counted, actual, fields: fields.sort() }
}
