import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Settings, SinkSettings } from '../../../core/config/settings.ts'
import { silentLog } from '../../../core/log.ts'
import { Jobs } from '../../../core/queue/jobs.ts'
import { installationKeys, shardKeys } from '../../../core/redis/keys.ts'
import { readTriggerRecords } from '../../../core/triggers.ts'
import { dispatcherTimings, startDispatcher } from '../../../dispatcher/dispatcher.ts'
import type { Delivery, Target } from '../../../dispatcher/target.ts'
import { startBus } from '../../../infra/playground/bus.ts'
import { openPusher } from '../../support/push.ts'
import { redisCorner } from '../../support/redis.ts'
import { openLine, quick } from '../line.ts'
import { stubAws } from './open-bus.ts'
import { openReceiver } from './receiver.ts'

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 20 })

/** A dispatcher with one sink and one trigger to it. */
async function openStage(http: NonNullable<SinkSettings['http']>, sink: SinkSettings = { name: 'hook', http }) {
  const corner = redisCorner()
  const redis = await corner.connect()
  const jobs = new Jobs(await corner.connect('jobs'), shardKeys(corner.prefix, 0))
  onTestFinished(() => jobs.close())
  const settings: Settings = {
    file: undefined,
    redis: corner.settings,
    clusters: [],
    functions: undefined,
    sinks: [sink],
    triggers: [{ name: 'to-hook', gvk: ['apps/v1/Deployment'], to: 'hook', delivery: {} }],
    delivery: {},
    listen: 'off',
    log: { level: 'silent' },
    orphanSeconds: 3_600,
    forgetAfterDays: 7,
    deadLetters: { maxAgeDays: 30, maxCount: 100_000 },
    drainSeconds: 2,
    readiness: 'any',
  }
  const start = async () => {
    const dispatcher = await startDispatcher(settings, silentLog, {
      ...dispatcherTimings,
      ...quick,
      heartbeatMs: 100,
      checkMs: 50,
    })
    onTestFinished(() => dispatcher.close({ abort: AbortSignal.timeout(1_000) }))
    return dispatcher
  }
  const record = async () => (await readTriggerRecords(redis, installationKeys(corner.prefix)))[0]
  return {
    redis,
    prefix: corner.prefix,
    record,
    start,
    async pusher() {
      await until(async () => expect(await record()).toMatchObject({ state: 'active' }))
      return openPusher(redis, corner.prefix, (await record())!, { jobs })
    },
  }
}

const allowAddresses = ['127.0.0.1']

test('a receiver that answers 410 is left alone; what waits for it goes when a dispatcher starts anew', async () => {
  const receiver = await openReceiver()
  const stage = await openStage({ url: receiver.url, allowAddresses })
  const dispatcher = await stage.start()
  const { push } = await stage.pusher()
  receiver.every(() => ({ status: 410 }))
  const ids = await push('a', 'b', 'a')
  const problem = /sink hook: .* answers 410 Gone: it wants no more events; remove the sink, or correct its url/
  await until(async () => expect(await dispatcher.problems()).toEqual([expect.stringMatching(problem)]))
  await until(async () => expect(await stage.redis.hlen(`${await queueOf(stage)}:armed`)).toBeLessThanOrEqual(1))
  const asked = receiver.requests.length
  ids.push(...(await push('c')))
  await sleep(300)
  expect(receiver.requests.length).toBe(asked)
  await dispatcher.close()
  receiver.every(() => ({ status: 202 }))
  await stage.start()
  await until(() => expect(receiver.events.map(({ id }) => id).sort()).toEqual([...ids].sort()))
})

const queueOf = async (stage: Awaited<ReturnType<typeof openStage>>) =>
  shardKeys(stage.prefix, 0).queue((await stage.record())!.id)

test('a sink whose own settings cannot work is sent nothing, and says what to change', async () => {
  const receiver = await openReceiver()
  const stage = await openStage({ url: receiver.url })
  const dispatcher = await stage.start()
  const { push } = await stage.pusher()
  await push('a')
  const problem = /sink hook: 127.0.0.1 belongs to this machine .*add it to allowAddresses/
  await until(async () => expect(await dispatcher.problems()).toEqual([expect.stringMatching(problem)]))
  expect(receiver.requests).toEqual([])
})

test('a bus that is deleted later is noticed, before more is lost in it', async () => {
  stubAws()
  await using bus = await startBus({ buses: ['k8s'] })
  const eventbridge = { bus: 'k8s', endpoint: bus.url }
  const stage = await openStage({ url: bus.url }, { name: 'hook', eventbridge })
  const dispatcher = await stage.start()
  const { push } = await stage.pusher()
  const [first] = await push('a')
  await until(() => expect(bus.events.map(({ detail }) => detail.id)).toEqual([first]))
  const fault = { kind: 'error', status: 400, code: 'ResourceNotFoundException', message: 'gone' } as const
  bus.failNext(fault, 2)
  const problem = expect.stringMatching(/sink hook: event bus k8s does not exist/)
  await until(async () => expect(await dispatcher.problems()).toEqual([problem]))
  const [second] = await push('a')
  await until(() => expect(bus.events.map(({ detail }) => detail.id)).toEqual([first, second]))
  expect(await dispatcher.problems()).toEqual([])
})

test('what a sink’s settings hold in secrets is not in the trigger that goes to Redis, and a change of them is', async () => {
  const receiver = await openReceiver()
  const settings = (token: string) => ({
    url: `${receiver.url}?key=${token}`,
    allowAddresses,
    headers: { authorization: `Bearer ${token}` },
  })
  const stages = await Promise.all(['hunter2', 'hunter3'].map((token) => openStage(settings(token))))
  const records = await Promise.all(
    stages.map(async (stage) => {
      await stage.start()
      await stage.pusher()
      return (await stage.record())!
    }),
  )
  expect(JSON.stringify(records)).not.toMatch(/hunter/)
  expect(records[0]?.hash).not.toBe(records[1]?.hash)
})

test('a receiver that is throttling is not asked again before its Retry-After, and nothing is counted', async () => {
  const receiver = await openReceiver()
  const stage = await openStage({ url: receiver.url, allowAddresses })
  await stage.start()
  const { push } = await stage.pusher()
  receiver.answer({ status: 429, headers: { 'retry-after': '2' } })
  const [id] = await push('a')
  await until(() => expect(receiver.requests).toHaveLength(1))
  const from = performance.now()
  await until(() => expect(receiver.events.map((event) => event.id)).toEqual([id]))
  expect(performance.now() - from).toBeGreaterThan(1_500)
  expect(receiver.requests).toHaveLength(2)
})

test('batches fill while there is a backlog, and each holds an object once', async () => {
  const line = await openLine()
  const names = Array.from({ length: 500 }, (_, n) => `web-${n}`)
  for (let round = 0; round < 6; round++) await line.push(...names)
  const sizes: number[] = []
  const target: Target = {
    maxBatch: 10,
    async deliver(batch: readonly Delivery[]) {
      sizes.push(batch.length)
      expect(new Set(batch.map(({ delta }) => delta.name)).size).toBe(batch.length)
      await sleep(20)
      return batch.map(() => ({ ok: true }))
    },
    async close() {},
  }
  await line.work(target, { policy: { concurrency: 200 } })
  await until(async () => expect(await line.pending()).toBe(0))
  const deliveries = sizes.reduce((sum, size) => sum + size, 0)
  expect(deliveries).toBe(3_000)
  expect(deliveries / sizes.length).toBeGreaterThanOrEqual(9)
})
