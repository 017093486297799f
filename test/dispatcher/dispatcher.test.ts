import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Settings } from '../../core/config/settings.ts'
import { type Log, silentLog } from '../../core/log.ts'
import { Jobs } from '../../core/queue/jobs.ts'
import { connectRedis } from '../../core/redis/connection.ts'
import { installationKeys, shardKeys } from '../../core/redis/keys.ts'
import { readTriggerRecords } from '../../core/triggers.ts'
import { type Dispatcher, dispatcherTimings, startDispatcher } from '../../dispatcher/dispatcher.ts'
import { startBus } from '../../infra/playground/bus.ts'
import { startRedisServer } from '../../infra/playground/redis-server.ts'
import { openPusher } from '../support/push.ts'
import { redisCorner } from '../support/redis.ts'
import { quick } from './line.ts'
import { stubAws } from './sinks/open-bus.ts'

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 20 })

const timings = {
  ...dispatcherTimings,
  ...quick,
  heartbeatMs: 100,
  livesMs: 500,
  noticeMs: 0,
  pollMs: 20,
  checkMs: 50,
}

/** A function that writes what it was given into the file `out`, a line each. */
const writing = (out: string, mark = '') => `import { appendFile } from 'node:fs/promises'
import { on } from 'deltabridge'
export default on('apps/v1/Deployment', async (delta) => {
  await appendFile(${JSON.stringify(out)}, ${JSON.stringify(mark)} + delta.id + '\\n')
})
`

async function openStage() {
  const corner = redisCorner()
  const redis = await corner.connect()
  const jobs = new Jobs(await corner.connect('jobs'), shardKeys(corner.prefix, 0))
  const path = await mkdtemp(join(tmpdir(), 'dispatcher-'))
  onTestFinished(async () => {
    await jobs.close()
    await rm(path, { recursive: true, force: true })
  })
  const settings: Settings = {
    file: undefined,
    redis: corner.settings,
    clusters: [],
    functions: undefined,
    sinks: [],
    triggers: [],
    delivery: {},
    listen: 'off',
    log: { level: 'silent' },
    orphanSeconds: 3_600,
    forgetAfterDays: 7,
    deadLetters: { maxAgeDays: 30, maxCount: 100_000 },
    drainSeconds: 2,
    readiness: 'any',
  }
  const record = async (name: string) =>
    (await readTriggerRecords(redis, installationKeys(corner.prefix))).find((one) => one.name === name)
  return {
    corner,
    redis,
    settings,
    path,
    record,
    out: join(path, 'out.txt'),
    /** A folder of functions. */
    async functions(files: Readonly<Record<string, string>>) {
      const folder = await mkdtemp(join(path, 'functions-'))
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
      return folder
    },
    start: async (
      more: Partial<Settings>,
      own: Partial<typeof timings> = {},
      log: Log = silentLog,
    ): Promise<Dispatcher> => {
      const dispatcher = await startDispatcher({ ...settings, ...more }, log, { ...timings, ...own })
      onTestFinished(() => dispatcher.close({ abort: AbortSignal.timeout(1_000) }))
      return dispatcher
    },
    async pusher(name: string) {
      await until(async () => expect(await record(name)).toMatchObject({ state: 'active' }))
      return openPusher(redis, corner.prefix, (await record(name))!, { jobs })
    },
    async lines(): Promise<string[]> {
      const text = await readFile(join(path, 'out.txt'), 'utf8').catch(() => '')
      return text.split('\n').filter(Boolean)
    },
  }
}

test('a dispatcher that has nothing to deliver to says so, once', async () => {
  const stage = await openStage()
  const told: unknown[] = []
  const log = { ...silentLog, warn: (text: unknown) => void told.push(text) } as Log
  await stage.start({}, {}, log)
  expect(told).toEqual([expect.stringMatching(/^nothing to deliver to: make a functions folder/)])
  await stage.start({ functions: await stage.functions({}) }, {}, log)
  expect(told).toHaveLength(1)
})

test('a dispatcher keeps dead letters within the bounds of its settings, also when these change', async () => {
  const stage = await openStage()
  const refusing = `import { on, PermanentError } from 'deltabridge'
export default on('apps/v1/Deployment', () => { throw new PermanentError('no') })`
  const functions = await stage.functions({ 'refusing.ts': refusing })
  const deadLetters = { maxAgeDays: 30, maxCount: 3 }
  const dispatcher = await stage.start({ functions, deadLetters }, { sweepMs: 100 })
  const { push } = await stage.pusher('refusing')
  const queue = shardKeys(stage.corner.prefix, 0).queue((await stage.record('refusing'))!.id)
  await push('a', 'b', 'c', 'd', 'e')
  await until(async () => expect(await stage.redis.get(`${queue}:pending`)).toBe('0'))
  await until(async () => expect(await stage.redis.hlen(`${queue}:dead`)).toBe(3))
  dispatcher.follow({ ...stage.settings, functions, deadLetters: { ...deadLetters, maxCount: 1 } })
  await until(async () => expect(await stage.redis.hlen(`${queue}:dead`)).toBe(1))
})

describe('a folder of functions', () => {
  test('is all it takes: what is dropped in receives deltas, edited while it runs, and is an orphan when removed', async () => {
    const stage = await openStage()
    const functions = await stage.functions({})
    const dispatcher = await stage.start({ functions })
    await writeFile(join(functions, 'noted.ts'), writing(stage.out))
    const { push } = await stage.pusher('noted')
    const first = await push('a', 'b', 'a')
    await until(async () => expect((await stage.lines()).sort()).toEqual([...first].sort()))

    await writeFile(join(functions, 'noted.ts'), writing(stage.out, 'edited '))
    const before = (await stage.record('noted'))?.id
    await until(async () => {
      await push('c')
      expect((await stage.lines()).at(-1)).toMatch(/^edited /)
    })
    expect((await stage.record('noted'))?.id).toBe(before)

    expect(await dispatcher.problems()).toEqual([])
    await rm(join(functions, 'noted.ts'))
    await until(async () => expect(await stage.record('noted')).toMatchObject({ state: 'orphaned' }))
  })

  test('is published at once, also what comes while Redis is slow to take what came before', async () => {
    const stage = await openStage()
    await using server = await startRedisServer()
    const settings = { url: server.url, prefix: 'slow' }
    const redis = connectRedis(settings, 'jobs')
    onTestFinished(() => redis.disconnect())
    const functions = await stage.functions({})
    const dispatcher = await stage.start({ redis: settings, functions }, { heartbeatMs: 60_000 })
    await redis.client('PAUSE', 1_500)
    for (const name of ['one', 'two']) {
      await writeFile(join(functions, `${name}.ts`), writing(stage.out))
      // its fault tells that the function beside it has been taken in
      await writeFile(join(functions, `${name}-bad.ts`), '')
      await until(async () => expect((await dispatcher.problems()).join()).toContain(`${name}-bad.ts`))
    }
    await until(async () => {
      const records = await readTriggerRecords(redis, installationKeys('slow'))
      expect(records.map(({ name }) => name).sort()).toEqual(['one', 'two'])
    })
    await dispatcher.close()
  }, 20_000)

  test('with a fault in it is told in problems; the other functions run', async () => {
    const stage = await openStage()
    const functions = await stage.functions({ 'bad.ts': 'throw new Error("boom")', 'good.ts': writing(stage.out) })
    const dispatcher = await stage.start({ functions })
    expect(await dispatcher.problems()).toEqual([expect.stringMatching(/function bad\.ts: .*boom/)])
    const { push } = await stage.pusher('good')
    const ids = await push('a')
    await until(async () => expect(await stage.lines()).toEqual(ids))
  })

  test('of two dispatchers may differ: each runs what it has', async () => {
    const stage = await openStage()
    await stage.start({ functions: await stage.functions({ 'one.ts': writing(stage.out, 'one ') }) })
    await stage.start({ functions: await stage.functions({ 'two.ts': writing(stage.out, 'two ') }) })
    const [one, two] = [await stage.pusher('one'), await stage.pusher('two')]
    const [a] = await one.push('a')
    await until(async () => expect(await stage.lines()).toEqual([`one ${a}`]))
    const [b] = await two.push('b')
    await until(async () => expect(await stage.lines()).toEqual([`one ${a}`, `two ${b}`]))
  })

  test('that becomes empty drops its triggers after their time, with what waits for them', async () => {
    const stage = await openStage()
    const functions = await stage.functions({ 'noted.ts': writing(stage.out) })
    await stage.start({ functions, orphanSeconds: 0 })
    const { push, detach } = await stage.pusher('noted')
    await rm(join(functions, 'noted.ts'))
    await until(async () => expect(await stage.record('noted')).toMatchObject({ state: 'dropping' }))
    await push('a')
    await detach()
    await until(async () => expect(await stage.record('noted')).toBeUndefined())
    expect(await stage.redis.keys(`${shardKeys(stage.corner.prefix, 0).queue('')}*`)).toEqual([])
  })
})

describe('a dispatcher that closes', () => {
  test('leaves its triggers in force, and the next one goes on where it stopped', async () => {
    const stage = await openStage()
    const functions = await stage.functions({ 'noted.ts': writing(stage.out) })
    const first = await stage.start({ functions, orphanSeconds: 0 })
    const { push } = await stage.pusher('noted')
    await first.close()
    await first.close()
    const ids = await push('a', 'a')
    expect(await stage.record('noted')).toMatchObject({ state: 'active' })
    expect(await stage.lines()).toEqual([])
    await stage.start({ functions })
    await until(async () => expect(await stage.lines()).toEqual(ids))
  })

  test('waits for handlers no longer than it may', async () => {
    const stage = await openStage()
    const functions = await stage.functions({
      'slow.ts': `import { writeFile } from 'node:fs/promises'
import { on } from 'deltabridge'
export default on('apps/v1/Deployment', async () => {
  await writeFile(${JSON.stringify(stage.out)}, 'started')
  await new Promise(() => {})
})`,
    })
    const dispatcher = await stage.start({ functions, drainSeconds: 60 })
    const { push } = await stage.pusher('slow')
    await push('a')
    await until(async () => expect(await stage.lines()).toEqual(['started']))
    const from = performance.now()
    await dispatcher.close({ abort: AbortSignal.timeout(200) })
    expect(performance.now() - from).toBeLessThan(2_000)
  })
})

describe('sinks', () => {
  const trigger = { name: 'to-audit', gvk: ['apps/v1/Deployment'], to: 'audit', delivery: {} }
  const sink = (endpoint: string, bus = 'k8s') => [
    { name: 'audit', eventbridge: { bus, region: 'eu-west-1', endpoint } },
  ]

  test('receive the deltas of the triggers that stand in the configuration', async () => {
    stubAws()
    await using bus = await startBus({ buses: ['k8s'] })
    const stage = await openStage()
    const dispatcher = await stage.start({ sinks: sink(bus.url), triggers: [trigger] })
    const { push } = await stage.pusher('to-audit')
    const ids = await push('a', 'b')
    await until(() => expect(bus.events.map(({ detail }) => detail.id).sort()).toEqual([...ids].sort()))
    expect(await dispatcher.problems()).toEqual([])
    await dispatcher.close()
  })

  test('whose bus does not exist are sent nothing, for it would be lost; the deltas wait', async () => {
    stubAws()
    await using bus = await startBus({ buses: ['k8s'] })
    const stage = await openStage()
    const dispatcher = await stage.start({ sinks: sink(bus.url, 'nope'), triggers: [trigger] })
    await until(async () =>
      expect(await dispatcher.problems()).toEqual([expect.stringMatching(/sink audit: event bus nope does not exist/)]),
    )
    const { push } = await stage.pusher('to-audit')
    await push('a')
    await until(() => expect(bus.calls).toBeGreaterThan(4))
    expect([bus.count, bus.lost]).toEqual([0, 0])
    await dispatcher.close()
  })

  test('whose bus comes later begin then', async () => {
    stubAws()
    const early = await startBus({ buses: ['k8s'] })
    const port = Number(new URL(early.url).port)
    await early.close()
    const stage = await openStage()
    const dispatcher = await stage.start({ sinks: sink(early.url), triggers: [trigger] })
    const { push } = await stage.pusher('to-audit')
    const ids = await push('a')
    await until(async () => expect(await dispatcher.problems()).toHaveLength(1))
    await using bus = await startBus({ port, buses: ['k8s'] })
    await until(() => expect(bus.events.map(({ detail }) => detail.id)).toEqual(ids))
    expect(await dispatcher.problems()).toEqual([])
    await dispatcher.close()
  })

  test('whose bus we may not look for are sent to all the same', async () => {
    stubAws()
    await using bus = await startBus({ buses: ['k8s'] })
    bus.failNext({ kind: 'error', status: 400, code: 'AccessDeniedException', message: 'no' })
    const stage = await openStage()
    const dispatcher = await stage.start({ sinks: sink(bus.url), triggers: [trigger] })
    const { push } = await stage.pusher('to-audit')
    const ids = await push('a')
    await until(() => expect(bus.events.map(({ detail }) => detail.id)).toEqual(ids))
    await dispatcher.close()
  })
})

describe('Redis', () => {
  test('away at the start is told, and the dispatcher closes at once', async () => {
    const stage = await openStage()
    const redis = { url: 'redis://:secret@127.0.0.1:1', prefix: stage.corner.prefix }
    const dispatcher = await stage.start({ redis })
    expect(await dispatcher.problems()).toEqual([expect.stringMatching(/^Redis at 127\.0\.0\.1:1 does not answer/)])
    const from = performance.now()
    await dispatcher.close()
    expect(performance.now() - from).toBeLessThan(1_000)
  }, 15_000)

  test('away for a while is told, and deliveries go on when it is back', async () => {
    const stage = await openStage()
    await using server = await startRedisServer()
    const settings = { url: server.url, prefix: 'away' }
    const functions = await stage.functions({ 'noted.ts': writing(stage.out) })
    const dispatcher = await stage.start({ redis: settings, functions })
    expect(await dispatcher.problems()).toEqual([])
    await server.kill()
    await until(async () => expect(await dispatcher.problems()).toEqual([expect.stringMatching(/does not answer/)]))
    await server.start()
    await until(async () => expect(await dispatcher.problems()).toEqual([]))
    const redis = connectRedis(settings, 'jobs')
    onTestFinished(() => redis.disconnect())
    const jobs = new Jobs(redis, shardKeys('away', 0))
    const [record] = await readTriggerRecords(redis, installationKeys('away'))
    const { push } = await openPusher(redis, 'away', record!, { jobs })
    const ids = await push('a', 'b', 'a')
    await until(async () => expect((await stage.lines()).sort()).toEqual([...ids].sort()))
    await dispatcher.close()
    await jobs.close()
  })

  test('that answers nothing more, its connection open, does not keep the dispatcher from closing', async () => {
    const stage = await openStage()
    await using server = await startRedisServer()
    const functions = await stage.functions({ 'noted.ts': writing(stage.out) })
    const dispatcher = await stage.start({ redis: { url: server.url, prefix: 'stuck' }, functions })
    expect(await dispatcher.problems()).toEqual([])
    process.kill(-server.pid, 'SIGSTOP')
    onTestFinished(() => void process.kill(-server.pid, 'SIGCONT'))
    const from = performance.now()
    await dispatcher.close({ abort: AbortSignal.timeout(500) })
    process.kill(-server.pid, 'SIGCONT')
    expect(performance.now() - from).toBeLessThan(10_000)
  }, 60_000)

  test('laid out by a newer version is refused', async () => {
    const stage = await openStage()
    await stage.redis.set(installationKeys(stage.corner.prefix).layout, '999')
    await expect(stage.start({})).rejects.toMatchObject({ name: 'NewerLayout' })
  })
})
