import { expect, test, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { installationKeys } from '../../core/redis/keys.ts'
import { readTriggerRecords } from '../../core/triggers.ts'
import { Dropping } from '../../dispatcher/registry/dropping.ts'
import { Registry } from '../../dispatcher/registry/registry.ts'
import { definition, type Line, openLine } from './line.ts'

const live = new AbortController().signal

/** A trigger with deltas waiting, parked and dead, at the end of its orphanhood. */
async function openDropping(line: Line) {
  const keys = installationKeys(line.corner.prefix)
  const registry = new Registry({ redis: line.redis, keys, log: silentLog, orphanMs: 0 })
  const told: object[] = []
  const log = { ...silentLog, warn: (fields: object) => void told.push(fields) } as typeof silentLog
  const options = { redis: line.redis, keys, shard: line.keys, jobs: line.jobs, log, noticeMs: 0 }
  return {
    told,
    registry,
    dropping: new Dropping({ ...options, deltasPerCall: 7 }),
    record: async () => (await readTriggerRecords(line.redis, keys)).find(({ name }) => name === definition.name),
    async end() {
      await line.redis.del(keys.publishers)
      registry.set([definition])
      await registry.publish()
      registry.set([])
      await registry.publish()
    },
  }
}

test('a dropped trigger leaves nothing behind once its stream has let go of it, and tells the count', async () => {
  const line = await openLine({ keepsOld: true })
  const { dropping, end, record, told } = await openDropping(line)
  const worker = await line.work(
    ({ delta }) => {
      if (delta.name !== 'fine') throw new Error('no')
    },
    { policy: { attempts: 1, concurrency: 1 } },
  )
  await line.push('bad-1', 'bad-2', 'fine')
  await vi.waitFor(async () => expect(await line.deadLetters()).toHaveLength(2), 5_000)
  await worker.close(AbortSignal.timeout(2_000))
  await line.push(...Array.from({ length: 40 }, (_, n) => `o-${n % 15}`))
  await end()
  expect(await record()).toMatchObject({ state: 'dropping' })

  await dropping.turn(live)
  expect(await line.pending()).toBe(40)

  await line.pusher.detach()
  await dropping.turn(live)
  expect(await record()).toBeUndefined()
  const queue = line.keys.queue(line.record.id)
  expect(await line.redis.keys(`${queue}:*`)).toEqual([])
  expect(await line.redis.keys(`${line.keys.bullPrefix}*`)).toEqual([])
  expect(told).toContainEqual({ trigger: 'scaled', pending: 40, dead: 2 })
  // known keeps one payload of each object, and nobody else refers to any
  const counts = []
  for (const key of await line.redis.keys(`${line.keys.tag}:p:*`)) {
    const fields = await line.redis.hgetall(key)
    for (const [field, value] of Object.entries(fields)) if (field.startsWith('#')) counts.push(value)
  }
  expect(counts).toEqual(Array.from({ length: 18 }, () => '1'))
})

test('a stream of a cluster that nobody owns keeps no trigger from being dropped, and whoever owns it later finds it gone', async () => {
  const line = await openLine()
  const { dropping, end, record } = await openDropping(line)
  await line.push('a', 'b')
  await end()
  await line.redis.del(line.keys.owner(`c-${line.record.id}`))
  const [stream = ''] = await line.redis.hkeys(line.keys.streams)
  const revision = () => line.redis.hget(line.keys.stream(stream), 'revision')
  const before = await revision()
  await dropping.turn(live)
  expect(await record()).toBeUndefined()
  expect(await line.redis.hgetall(line.keys.attachments(stream))).toEqual({})
  // a batch that was matched for it is told to match again
  expect(await revision()).not.toBe(before)
})

test('a name that is published again while its old record is dropped begins anew after that', async () => {
  const line = await openLine()
  const { dropping, end, registry, record } = await openDropping(line)
  await end()
  registry.set([definition])
  expect(await registry.publish()).toMatchObject([{ state: 'dropping', id: line.record.id }])
  await line.pusher.detach()
  await dropping.turn(live)
  expect(await registry.publish()).toMatchObject([{ state: 'active' }])
  expect((await record())?.id).not.toBe(line.record.id)
})

test('several dispatchers may drop it at once', async () => {
  const line = await openLine()
  const { dropping, end, record, told } = await openDropping(line)
  await line.push(...Array.from({ length: 60 }, (_, n) => `o-${n}`))
  await end()
  await line.pusher.detach()
  const { dropping: other } = await openDropping(line)
  await Promise.all([dropping.turn(live), other.turn(live)])
  expect(await record()).toBeUndefined()
  expect(await line.redis.keys(`${line.keys.queue(line.record.id)}:*`)).toEqual([])
  expect(await line.redis.keys(`${line.keys.tag}:p:*`)).toEqual([])
  expect(told.length).toBeLessThanOrEqual(3)
})
