import { describe, expect, test, vi } from 'vitest'
import { Pause } from '../../dispatcher/queue/pause.ts'
import { type Line, openLine, quick } from './line.ts'

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 10 })

async function resume(line: Line): Promise<void> {
  const { armed } = await new Pause(line.keys).end(line.redis, line.record.id)
  await Promise.all(armed.map((id) => line.jobs.addDrain(line.record.id, id)))
}

const paused = (line: Line) => new Pause(line.keys).begin(line.redis, line.record.id)

/** Sweeps have come by several times. */
async function sweepsLater(line: Line): Promise<void> {
  const sweep = vi.spyOn(line.queue, 'sweep')
  await until(() => expect(sweep.mock.calls.length).toBeGreaterThan(4))
}

describe('a trigger that is paused', () => {
  test('is given nothing, for as long as that lasts, and arms no drains; then everything, in order', async () => {
    const line = await openLine()
    const done: string[] = []
    await line.work(({ delta }) => void done.push(delta.id))
    expect(await paused(line)).toBe(true)
    expect(await paused(line)).toBe(false)
    const ids = await line.push('a', 'a', 'a')
    await sweepsLater(line)
    expect(done).toEqual([])
    expect(await line.redis.exists(`${line.keys.queue(line.record.id)}:armed`)).toBe(0)
    await resume(line)
    await until(() => expect(done).toEqual(ids))
  })

  test('finishes what is in flight', async () => {
    const line = await openLine()
    const done: string[] = []
    const started = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    await line.work(async ({ delta }) => {
      started.resolve()
      await goOn.promise
      done.push(delta.id)
    })
    const [first] = await line.push('a')
    await started.promise
    await paused(line)
    const [second] = await line.push('b')
    goOn.resolve()
    await until(async () => expect(await line.pending()).toBe(1))
    await sweepsLater(line)
    expect(done).toEqual([first])
    await resume(line)
    await until(() => expect(done).toEqual([first, second]))
  })

  test('leaves what is parked where it is, and counts neither an attempt nor age', async () => {
    const line = await openLine()
    const attempts: number[] = []
    const fails = { yet: true }
    const policy = { attempts: 3, maxAgeMs: 700, backoff: { initialMs: 300, maxMs: 300 } }
    await line.work(
      ({ attempt }) => {
        attempts.push(attempt)
        if (fails.yet) throw new Error('not yet')
      },
      { policy },
    )
    await line.push('a')
    const parked = () => line.redis.zcard(`${line.keys.queue(line.record.id)}:parked`)
    await until(async () => expect(await parked()).toBe(1))
    await paused(line)
    const pausedAt = performance.now()
    // long enough for its retry, for the sweeper to find it overdue, and for its age to be over
    await until(() => expect(performance.now() - pausedAt).toBeGreaterThan(2 * quick.overdueMs + 700))
    expect(await parked()).toBe(1)
    expect(attempts).toEqual([1])
    await resume(line)
    // a second failure is not yet one too many: 700 ms have not passed
    await until(() => expect(attempts).toEqual([1, 2]))
    fails.yet = false
    await until(() => expect(attempts).toEqual([1, 2, 3]))
    await until(async () => expect(await line.pending()).toBe(0))
    expect(await line.deadLetters()).toEqual([])
  })
})
