import type { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { type Log, silentLog } from '../../core/log.ts'
import { decodeEntry, type Entry } from '../../core/queue/entry.ts'
import { Jobs } from '../../core/queue/jobs.ts'
import { readPayloads } from '../../core/queue/payloads.ts'
import { installationKeys, type ShardKeys, shardKeys } from '../../core/redis/keys.ts'
import type { TriggerDefinition, TriggerRecord } from '../../core/triggers.ts'
import { type DeliveryPolicy, deliveryPolicy, failed } from '../../dispatcher/policy.ts'
import { type DeadLetterLimits, DeadLetters, type DeadLetter as Letter } from '../../dispatcher/queue/dead-letters.ts'
import { WorkQueue } from '../../dispatcher/queue/queue.ts'
import { Registry } from '../../dispatcher/registry/registry.ts'
import type { Delivery, Outcome, Target } from '../../dispatcher/target.ts'
import { TriggerWorker, type WorkerTimings } from '../../dispatcher/trigger-worker.ts'
import { startRedisServer } from '../../infra/playground/redis-server.ts'
import { openPusher, type Pusher } from '../support/push.ts'
import { type RedisCorner, redisCorner } from '../support/redis.ts'

/** What a test's target does about one delivery; throwing fails it. */
export type Deliver = (delivery: Delivery, signal: AbortSignal) => unknown

export const definition: TriggerDefinition = {
  name: 'scaled',
  gvk: ['apps/v1/Deployment'],
  target: { function: 'scaled' },
}

/** Fast enough for tests, with everything that takes over after a crash still to be waited for. */
export const quick: WorkerTimings = {
  leaseMs: 1_000,
  stalledCheckMs: 300,
  sweepMs: 200,
  overdueMs: 400,
  watchdogMs: 30_000,
}

const policy: DeliveryPolicy = {
  ...deliveryPolicy('function', {}),
  backoff: { initialMs: 20, maxMs: 50 },
  attempts: 3,
  timeoutMs: 5_000,
}

/** One trigger with its mailboxes on a real Redis, and as many dispatchers of it as a test starts. */
export interface Line {
  readonly corner: RedisCorner
  readonly redis: Redis
  readonly bull: Redis
  readonly keys: ShardKeys
  readonly record: TriggerRecord
  readonly queue: WorkQueue
  readonly jobs: Jobs
  /** With the jobs that a commit asks for. */
  readonly pusher: Pusher
  readonly push: Pusher['push']
  /** Starts a dispatcher's worker; it closes with the test. */
  work(deliver: Deliver | Target, options?: WorkOptions): Promise<TriggerWorker>
  pending(): Promise<number>
  deadLetters(): Promise<DeadLetter[]>
}

export interface WorkOptions {
  readonly policy?: Partial<DeliveryPolicy>
  readonly timings?: Partial<WorkerTimings>
  readonly maxBatch?: number
  readonly deadLetters?: DeadLetterLimits
  readonly log?: Log
  /** In force by now, other than what the deltas were matched with. */
  readonly definition?: TriggerDefinition
}

export interface DeadLetter {
  readonly entry: Entry
  readonly attempts: number
  readonly error: { readonly name: string; readonly message: string }
  /** The object, as long as it is kept. */
  readonly object: unknown
}

export interface LineOptions {
  readonly keepsOld?: boolean
  /** On a Redis of its own, whose connections may be cut. */
  readonly alone?: boolean
}

export async function openLine({ keepsOld = false, alone = false }: LineOptions = {}): Promise<Line> {
  const corner = alone ? redisCorner(await ownRedis()) : redisCorner()
  const redis = await corner.connect()
  const bull = await corner.connect('jobs')
  const keys = shardKeys(corner.prefix, 0)
  const registry = new Registry({ redis, keys: installationKeys(corner.prefix), log: silentLog, orphanMs: 60_000 })
  registry.set([definition])
  const [record] = (await registry.publish()) as [TriggerRecord]
  const queue = new WorkQueue(keys)
  const jobs = new Jobs(bull, keys)
  onTestFinished(() => jobs.close())
  const pusher = await openPusher(redis, corner.prefix, record, { jobs, keepsOld })
  const name = keys.queue(record.id)
  return {
    corner,
    redis,
    bull,
    keys,
    record,
    queue,
    jobs,
    pusher,
    push: pusher.push,
    async work(deliver, { policy: own = {}, timings = {}, maxBatch = 1, ...options } = {}) {
      const { definition = record.definition, deadLetters: limits, log = silentLog } = options
      // connections of its own, as another process has
      const commands = await corner.connect()
      const bull = await corner.connect('jobs')
      // a test may cut them
      for (const redis of [commands, bull]) redis.on('error', () => {})
      const context = { commands, bull, keys, queue, jobs, log }
      const deadLetters = limits && { store: new DeadLetters(keys), limits: () => limits }
      const worker = new TriggerWorker(
        { ...context, ...(deadLetters && { deadLetters }), timings: { ...quick, ...timings } },
        {
          record: { ...record, definition },
          target: 'deliver' in deliver ? deliver : targetOf(deliver, maxBatch),
          policy: () => ({ ...policy, ...own }),
        },
      )
      onTestFinished(() => worker.close(AbortSignal.timeout(2_000)))
      return worker
    },
    async pending() {
      return Number((await redis.get(`${name}:pending`)) ?? 0)
    },
    async deadLetters() {
      const letters = await redis.hgetall(`${name}:dead`)
      const entries = await redis.hgetall(`${name}:dead:entries`)
      return Promise.all(
        Object.entries(letters).map(async ([id, text]) => {
          const entry = decodeEntry(entries[id]!)
          const bytes = (await readPayloads(redis, keys, [entry.payload])).get(entry.payload)
          const detail = JSON.parse(text.split('\n').slice(3).join('\n'))
          return { entry, ...detail, object: bytes && JSON.parse(bytes.toString()) } as DeadLetter
        }),
      )
    },
  }
}

async function ownRedis(): Promise<string> {
  const server = await startRedisServer()
  onTestFinished(() => server.close())
  return server.url
}

function targetOf(deliver: Deliver, maxBatch: number): Target {
  return {
    maxBatch,
    deliver: (batch, signal) =>
      Promise.all(
        batch.map(async (delivery): Promise<Outcome> => {
          try {
            return ((await deliver(delivery, signal)) as Outcome | undefined) ?? { ok: true }
          } catch (error) {
            return failed(error)
          }
        }),
      ),
    async close() {},
  }
}

/** All of a line's, the newest first. */
export async function lettersOf({ keys, redis, record }: Line): Promise<Letter[]> {
  const letters: Letter[] = []
  const store = new DeadLetters(keys)
  for await (const letter of store.newestFirst(redis, record.id, 0, Number.MAX_SAFE_INTEGER)) letters.push(letter)
  return letters
}
