import type { Redis } from 'ioredis'
import { decodeEntry } from '../../core/queue/entry.ts'
import type { ShardKeys } from '../../core/redis/keys.ts'
import { decodeKnown } from '../../watcher/known.ts'
import type { ClusterModel } from './cluster-model.ts'

export interface AtRest {
  readonly faults: readonly string[]
  /** trigger id -> ids of its dead letters */
  readonly dead: ReadonlyMap<string, readonly string[]>
}

/** What Redis holds when all is done: nothing but what is known, dead letters, and exactly the payloads that these refer to. */
export async function atRest(
  redis: Redis,
  keys: ShardKeys,
  cluster: ClusterModel,
  triggerIds: readonly string[],
): Promise<AtRest> {
  const faults: string[] = []
  const references = new Map<string, number>()
  const count = (reference: string) => {
    if (reference !== '') references.set(reference, (references.get(reference) ?? 0) + 1)
  }
  for (const id of await redis.hkeys(keys.streams)) {
    const known = Object.entries(await redis.hgetall(keys.known(id))).map(([uid, text]) => ({
      uid,
      ...decodeKnown(text),
    }))
    for (const { payload } of known) count(payload)
    const told = known.map(({ uid, key, resourceVersion }) => `${key} ${uid} ${resourceVersion}`).sort()
    const true_ = [...cluster.present.values()].map(
      ({ metadata }) => `${metadata.namespace}/${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`,
    )
    if (told.join() !== true_.sort().join())
      faults.push(`stream ${id} knows [${told.join(', ')}], there is [${true_.join(', ')}]`)
    const names = Object.entries(await redis.hgetall(keys.names(id))).map(([key, uid]) => `${key} ${uid}`)
    if (
      names.sort().join() !==
      known
        .map(({ uid, key }) => `${key} ${uid}`)
        .sort()
        .join()
    )
      faults.push(`stream ${id} names [${names.join(', ')}], it knows [${told.join(', ')}]`)
  }
  const dead = new Map<string, string[]>()
  for (const id of triggerIds) {
    const entries = Object.values(await redis.hgetall(`${keys.queue(id)}:dead:entries`)).map(decodeEntry)
    for (const { payload, old } of entries) {
      count(payload)
      count(old)
    }
    dead.set(
      id,
      entries.map((entry) => entry.id),
    )
  }
  for (const key of await allKeys(redis, `${keys.tag}:*`)) {
    if (/:mb:|:claim:|:owned$|:ready$|:parked$|:armed$|:failures$/.test(key)) faults.push(`${key} is left`)
    if (!key.startsWith(keys.payloads(''))) continue
    // one that was never committed goes by itself
    if ((await redis.pttl(key)) >= 0) continue
    const batch = key.slice(keys.payloads('').length)
    for (const [field, value] of Object.entries(await redis.hgetall(key))) {
      const reference = `${batch}/${field.replace('#', '')}`
      const expected = references.get(reference)
      if (expected === undefined) faults.push(`payload ${reference} is left, ${field} = ${value}`)
      else if (field.startsWith('#') && Number(value) !== expected)
        faults.push(`payload ${reference} counts ${value} references, there are ${expected}`)
    }
  }
  for (const reference of references.keys()) {
    const slash = reference.lastIndexOf('/')
    const key = keys.payloads(reference.slice(0, slash))
    if ((await redis.hexists(key, reference.slice(slash + 1))) === 0 || (await redis.pttl(key)) >= 0)
      faults.push(`payload ${reference} is referred to, and is gone or will be`)
  }
  return { faults, dead }
}

export async function allKeys(redis: Redis, pattern: string): Promise<string[]> {
  const found = new Set<string>()
  for await (const keys of redis.scanStream({ match: pattern, count: 1_000 })) for (const key of keys) found.add(key)
  return [...found]
}
