import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Jobs } from '../../core/queue/jobs.ts'
import { shardKeys } from '../../core/redis/keys.ts'
import type { TriggerRecord } from '../../core/triggers.ts'
import { Batch } from '../../watcher/batch.ts'
import { matcherOf } from '../../watcher/match.ts'
import type { Query } from '../../watcher/query.ts'
import { seen } from '../../watcher/reflector.ts'
import { loadStreamScripts, StreamStore } from '../../watcher/stream-store.ts'

export interface Pusher {
  /** One commit: each name is the object's next delta, Added at first and Updated from then on. Returns the deltas' ids. */
  push(...names: string[]): Promise<string[]>
  /** Takes the trigger off the stream, as a watcher does when it is not in force any more. */
  detach(): Promise<void>
}

export interface PusherOptions {
  /** Where drains are added as jobs; without it nobody is told. */
  readonly jobs?: Pick<Jobs, 'addDrain'>
  /** Known objects keep their payloads. */
  readonly keepsOld?: boolean
}

/** Puts deltas into a trigger's mailboxes by a watcher's own commit: Deployments of the namespace shop in the cluster prod-eu. */
export async function openPusher(
  redis: Redis,
  prefix: string,
  record: TriggerRecord,
  { jobs, keepsOld = false }: PusherOptions = {},
): Promise<Pusher> {
  const keys = shardKeys(prefix, 0)
  const query: Query = {
    // one per trigger, so that several pushers can own theirs at once
    clusterId: `c-${record.id}`,
    resource: { group: 'apps', version: 'v1', resource: 'deployments' },
    kind: 'Deployment',
    namespaced: true,
    namespace: '',
    labelSelector: '',
    fieldSelector: '',
    keepsOld,
    startsFor: '',
  }
  const token = randomUUID()
  await redis.set(keys.owner(query.clusterId), token)
  const store = new StreamStore(redis, keys, token, query, loadStreamScripts())
  const { known, lastBatch } = await store.claim(randomUUID())
  let prev = lastBatch
  let revision = await store.attach(prev, record.id, record.hash)
  let version = 0
  return {
    async push(...names) {
      const name = `b-${randomUUID()}`
      const context = {
        cluster: 'prod-eu',
        query,
        base: known,
        matchers: [matcherOf(record)],
        phase: 'live',
        n: 0,
        now,
      } as const
      const batch = new Batch(name, context)
      const ids: string[] = []
      for (const one of names) {
        const uid = `uid-${one}`
        const resourceVersion = String(++version)
        ids.push(`${uid}.${resourceVersion}`)
        const metadata = { name: one, namespace: 'shop', uid, resourceVersion }
        const bytes = Buffer.from(JSON.stringify({ metadata, spec: { replicas: version } }))
        batch.add(seen(batch.draft, { uid, resourceVersion, name: one, namespace: 'shop', bytes }, 0))
      }
      const pushes = await batch.pushes((references) => store.payloads(references))
      const request = { batch, pushes, prev, revision, phase: 'live', n: 0, resourceVersion: String(version) } as const
      const drains = await store.commit(request)
      batch.draft.foldInto(known)
      prev = name
      await Promise.all(drains.map(([triggerId, drainId]) => jobs?.addDrain(triggerId, drainId)))
      return ids
    },
    async detach() {
      revision = await store.attach(prev, record.id, undefined)
    },
  }
}

const now = () => new Date()
