import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker } from 'bullmq'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { Drain } from '../../dispatcher/drain.ts'
import { deliveryPolicy } from '../../dispatcher/policy.ts'
import type { Outcome } from '../../dispatcher/target.ts'
import { type Line, openLine, quick } from './line.ts'

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 20 })

/** BullMQ's queue of the line, as an operator's tool sees it. */
function bullQueue(line: Line): Queue {
  const queue = new Queue(line.record.id, { connection: line.bull, prefix: line.keys.bullPrefix })
  onTestFinished(() => queue.close())
  return queue
}

/** Runs a drain whose handlers never answer, and cuts it off from Redis: nothing of it is ever given back. */
async function loseDrain(line: Line, deliveries: number): Promise<string[]> {
  const redis = await line.corner.connect()
  const started: string[] = []
  const stop = new AbortController()
  const drain = new Drain(
    {
      redis,
      keys: line.keys,
      queue: line.queue,
      jobs: line.jobs,
      trigger: line.record,
      policy: () => ({ ...deliveryPolicy('function', {}), timeoutMs: 60_000 }),
      wants: () => true,
      log: silentLog,
      leaseMs: quick.leaseMs,
      random: () => 0.5,
      target: {
        maxBatch: 1,
        deliver: ([delivery], signal) => {
          started.push(delivery!.delta.id)
          return new Promise<Outcome[]>((resolve) => {
            signal.addEventListener('abort', () =>
              resolve([{ ok: false, failure: 'target', error: { name: 'Lost', message: '' } }]),
            )
          })
        },
        close: async () => {},
      },
    },
    'drain-1',
    stop.signal,
    stop.signal,
  )
  const ended = drain.run().catch(() => {})
  await until(() => expect(started).toHaveLength(deliveries))
  // it lives for a while: its record is renewed
  const armed = () => line.redis.hget(`${line.keys.queue(line.record.id)}:armed`, 'drain-1')
  const before = await armed()
  await until(async () => expect(await armed()).not.toBe(before))
  redis.disconnect()
  onTestFinished(async () => {
    stop.abort()
    await ended
  })
  return started
}

describe('after the worker of a drain is lost', () => {
  test('another one delivers what it held, in order, within seconds, and counts nothing', async () => {
    const line = await openLine()
    const ids = await line.push('a', 'b', 'c', 'a', 'b')
    await loseDrain(line, 3)
    const lostAt = performance.now()
    const attempts: number[] = []
    const done: string[] = []
    await line.work(({ delta, attempt }) => {
      attempts.push(attempt)
      done.push(delta.id)
    })
    await until(() => expect([...done].sort()).toEqual([...ids].sort()))
    expect(performance.now() - lostAt).toBeLessThan(5_000)
    expect(new Set(attempts)).toEqual(new Set([1]))
    for (const name of ['a', 'b']) {
      const versions = done.filter((id) => id.startsWith(`uid-${name}.`)).map((id) => Number(id.split('.')[1]))
      expect(versions).toEqual([...versions].sort((a, b) => a - b))
    }
    await until(async () => expect(await line.pending()).toBe(0))
  })

  test('twice, only the delta that was alone in flight is counted; the others go on', async () => {
    const line = await openLine()
    await line.push('a', 'b', 'c')
    await loseDrain(line, 3)
    const [killer] = await loseDrain(line, 1)
    const attempts = new Map<string, number>()
    await line.work(({ delta, attempt }) => void attempts.set(delta.id, attempt))
    await until(() => expect(attempts.size).toBe(3))
    const others = [...attempts].filter(([id]) => id !== killer).map(([, attempt]) => attempt)
    expect(attempts.get(killer!)).toBe(2)
    expect(others).toEqual([1, 1])
  })

  test('no two have a drain at once: the second waits until the first has been silent for the lease', async () => {
    const line = await openLine()
    await line.push('a')
    const commands = await line.corner.connect()
    const start = (token: string) => line.queue.start(commands, line.record.id, 'drain-1', token, 500)
    expect(await start('one')).toMatchObject({ status: 'OK' })
    expect(await start('two')).toMatchObject({ status: 'BUSY' })
    await until(async () => expect(await start('two')).toMatchObject({ status: 'OK' }))
    const turn = { want: 1, entriesPerObject: 1, running: 0, concurrency: 1, mostDrains: 1, objectsPerDrain: 1 }
    const answer = await line.queue.cycle(commands, line.record.id, 'drain-1', 'one', {
      ...turn,
      holds: 0,
      results: [],
      keepSuspect: false,
    })
    expect(answer).toEqual({ status: 'FENCED' })
  })
})

describe('the sweeper', () => {
  test('puts a parked object back whose retry job was removed by hand', async () => {
    const line = await openLine()
    const attempts: number[] = []
    await line.work(
      ({ attempt }) => {
        attempts.push(attempt)
        if (attempt === 1) throw new Error('no')
      },
      { policy: { backoff: { initialMs: 1_500, maxMs: 1_500 } } },
    )
    await line.push('a')
    const queue = bullQueue(line)
    await until(async () => expect(await queue.getDelayed()).toHaveLength(1))
    const [job] = await queue.getDelayed()
    await job?.remove()
    expect(await queue.getDelayed()).toEqual([])
    await until(() => expect(attempts).toEqual([1, 2]))
  })

  test('adds the job of a drain that was armed by a process that died before it could', async () => {
    const line = await openLine()
    const done: string[] = []
    const addDrain = vi.spyOn(line.jobs, 'addDrain').mockResolvedValue()
    const ids = await line.push('a')
    expect(addDrain).toHaveBeenCalledOnce()
    addDrain.mockRestore()
    await line.work(({ delta }) => void done.push(delta.id))
    await until(() => expect(done).toEqual(ids))
  })

  test('takes back what a drain held whose job is gone for good', async () => {
    const line = await openLine()
    const ids = await line.push('a', 'b')
    await loseDrain(line, 2)
    await bullQueue(line).obliterate({ force: true })
    await bullQueue(line).resume()
    const done: string[] = []
    await line.work(({ delta }) => void done.push(delta.id))
    await until(() => expect([...done].sort()).toEqual([...ids].sort()))
  })
})

test('a worker that has stopped taking jobs is replaced', async () => {
  const line = await openLine()
  const run = vi.spyOn(Worker.prototype, 'run').mockImplementationOnce(async () => {})
  onTestFinished(() => run.mockRestore())
  const done: string[] = []
  await line.work(({ delta }) => void done.push(delta.id), { timings: { watchdogMs: 500 } })
  const ids = await line.push('a')
  await until(() => expect(done).toEqual(ids))
})

describe('a worker that closes', () => {
  test('finishes what runs, gives back what waits, and another one goes on', async () => {
    const line = await openLine()
    const release = Promise.withResolvers<void>()
    const first: string[] = []
    const finished: string[] = []
    const worker = await line.work(
      async ({ delta }) => {
        first.push(delta.id)
        await release.promise
        finished.push(delta.id)
      },
      { policy: { concurrency: 2 } },
    )
    const ids = await line.push('a', 'b', 'c', 'd', 'a')
    await until(() => expect(first).toHaveLength(2))
    const closed = worker.close(AbortSignal.timeout(10_000))
    release.resolve()
    await closed
    expect(finished.sort()).toEqual(first.sort())
    expect(await line.pending()).toBe(3)
    const rest: string[] = []
    await line.work(({ delta }) => void rest.push(delta.id))
    await until(() => expect(rest).toHaveLength(3))
    expect([...first, ...rest].sort()).toEqual([...ids].sort())
  })

  test('ends what does not finish in time, uncounted', async () => {
    const line = await openLine()
    let started = 0
    const worker = await line.work((_, signal) => {
      started++
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    await line.push('a')
    await until(() => expect(started).toBe(1))
    await worker.close(AbortSignal.timeout(100))
    const attempts: number[] = []
    await line.work(({ attempt }) => void attempts.push(attempt))
    await until(() => expect(attempts).toEqual([1]))
  })

  // BullMQ waits for an end that a connection which is being made again never tells
  test('closes also while its connection to Redis is cut', async () => {
    const line = await openLine({ alone: true })
    // at any moment of it
    for (let afterMs = 0; afterMs < 40; afterMs += 4) {
      const worker = await line.work(() => {})
      const waiting = async () => {
        const clients = (await line.redis.client('LIST')) as string
        return [...clients.matchAll(/^id=(\d+) .*cmd=bzpopmin/gm)].map(([, id]) => id!)
      }
      await until(async () => expect(await waiting()).toHaveLength(1))
      for (const id of await waiting()) await line.redis.client('KILL', 'ID', id)
      await sleep(afterMs)
      const from = performance.now()
      await worker.close(AbortSignal.timeout(100))
      expect(performance.now() - from).toBeLessThan(2_000)
    }
  })
})
