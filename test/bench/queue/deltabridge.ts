import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { silentLog } from '../../../core/log.ts'
import { Jobs } from '../../../core/queue/jobs.ts'
import { type ConnectionUse, connectRedis, redisReady } from '../../../core/redis/connection.ts'
import { shardKeys } from '../../../core/redis/keys.ts'
import type { TriggerRecord } from '../../../core/triggers.ts'
import { type DeliveryPolicy, deliveryPolicy } from '../../../dispatcher/policy.ts'
import { WorkQueue } from '../../../dispatcher/queue/queue.ts'
import type { Target } from '../../../dispatcher/target.ts'
import { TriggerWorker, workerTimings } from '../../../dispatcher/trigger-worker.ts'
import { Committer } from '../../../watcher/committer.ts'
import type { Query } from '../../../watcher/query.ts'
import { seen } from '../../../watcher/reflector.ts'
import { loadStreamScripts, StreamStore } from '../../../watcher/stream-store.ts'
import { podNamespace } from '../pod.ts'
import type { Consumer, Contender, ParsedPod, Setup } from './contender.ts'

/** What a watch brings at once: so many fill a socket's chunk. */
const chunkBytes = 65_536

export const podQuery: Query = {
  clusterId: '1',
  resource: { group: '', version: 'v1', resource: 'pods' },
  kind: 'Pod',
  namespaced: true,
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  keepsOld: false,
  startsFor: '',
}

const record: TriggerRecord = {
  id: '1',
  name: 'bench',
  state: 'active',
  sinceMs: 0,
  hash: 'bench',
  definition: { name: 'bench', gvk: ['v1/Pod'], target: { function: 'bench' } },
}

/** The bridge as it is, from the reflector on: a watcher's commits, and a dispatcher's worker with its drains. */
export const deltabridge: Contender = {
  async openProducer(setup) {
    const { redis, bull, jobs, keys, close } = await open(setup)
    const token = 'bench'
    await redis.set(keys.owner(podQuery.clusterId), token)
    const store = new StreamStore(redis, keys, token, podQuery, loadStreamScripts())
    const claimed = await store.claim('b-0')
    let names = 0
    const ended = new AbortController()
    const committer = new Committer(
      {
        cluster: 'prod',
        query: podQuery,
        store,
        addDrain: (triggerId, drainId) => void jobs.addDrain(triggerId, drainId).catch(fail),
        redisAgain: (signal) => sleep(250, undefined, { signal }),
        freshName: () => `b-${++names}`,
        log: silentLog,
        now: () => new Date(),
      },
      claimed,
      [record],
      ended.signal,
      fail,
    )
    await committer.triggersSettled()
    await committer.fill((last) => committer.endList(last, '0'))
    await committer.settled()
    const flushEvery = Math.ceil(chunkBytes / setup.load.bytes)
    return {
      async produce(pods) {
        let read = 0
        for (const { identity, text } of pods) {
          ended.signal.throwIfAborted()
          const object = { ...identity, namespace: podNamespace, bytes: Buffer.from(text) }
          await committer.fill((building) => {
            building.batch.add(seen(building.batch.draft, object, committer.n))
            building.moveTo(identity.resourceVersion)
          })
          if (++read % flushEvery === 0) committer.flush()
        }
        committer.flush()
        await committer.settled()
      },
      async close() {
        ended.abort()
        await close()
        bull.disconnect()
      },
    }
  },
  async openConsumer(setup, deliver) {
    const target: Target = {
      maxBatch: 1,
      async deliver(batch) {
        return batch.map(({ delta }) => {
          deliver(delta.object as ParsedPod)
          return { ok: true }
        })
      },
      async close() {},
    }
    // as many at once as BullMQ's worker has
    return openWorker(setup, target, deliveryPolicy('function', { concurrency: 100 }))
  },
}

/** A dispatcher's worker that delivers to `target`. */
export async function openWorker(
  setup: Pick<Setup, 'url' | 'prefix'>,
  target: Target,
  policy: DeliveryPolicy,
): Promise<Consumer> {
  const { redis, bull, jobs, keys, close } = await open(setup)
  const worker = new TriggerWorker(
    { commands: redis, bull, keys, queue: new WorkQueue(keys), jobs, log: silentLog, timings: workerTimings },
    { record, target, policy: () => policy },
  )
  return {
    async close() {
      await worker.close(AbortSignal.timeout(2_000))
      await close()
      bull.disconnect()
    },
  }
}

async function open({ url, prefix }: Pick<Setup, 'url' | 'prefix'>) {
  const connect = async (use: ConnectionUse): Promise<Redis> => {
    const redis = connectRedis({ url, prefix }, use)
    await redisReady(redis, AbortSignal.timeout(10_000))
    return redis
  }
  const redis = await connect('commands')
  const bull = await connect('jobs')
  const keys = shardKeys(prefix, 0)
  const jobs = new Jobs(bull, keys)
  const close = async () => {
    await jobs.close()
    redis.disconnect()
  }
  return { redis, bull, jobs, keys, close }
}

function fail(error: unknown): never {
  throw error
}
