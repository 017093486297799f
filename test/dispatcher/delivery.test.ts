import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { failed } from '../../dispatcher/policy.ts'
import { type Deliver, openLine } from './line.ts'

/** Notes what is delivered, and how many deliveries run at once. */
function recorder(handle: Deliver = () => {}) {
  const started: string[] = []
  const done: string[] = []
  const attempts: number[] = []
  let running = 0
  let most = 0
  const deliver: Deliver = async (delivery, signal) => {
    started.push(delivery.delta.id)
    attempts.push(delivery.attempt)
    most = Math.max(most, ++running)
    try {
      const outcome = await handle(delivery, signal)
      done.push(delivery.delta.id)
      return outcome
    } finally {
      running--
    }
  }
  return { deliver, started, done, attempts, most: () => most }
}

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 10 })

describe('the line of one object', () => {
  test('what is pushed is delivered, with its object, and leaves nothing behind', async () => {
    const line = await openLine()
    const objects: unknown[] = []
    const { deliver, done } = recorder(({ delta }) => objects.push(delta.object.metadata.name) && undefined)
    await line.work(deliver)
    const ids = await line.push('a', 'b', 'a')
    await until(() => expect([...done].sort()).toEqual([...ids].sort()))
    expect(objects.sort()).toEqual(['a', 'a', 'b'])
    await until(async () => expect(await line.pending()).toBe(0))
    await until(async () => expect(await line.redis.keys(`${line.keys.tag}:p:*`)).toEqual([]))
    expect(await line.redis.exists(`${line.keys.queue(line.record.id)}:owned`)).toBe(0)
  })

  test('is delivered in order, never in parallel, also while one of its deltas is retried', async () => {
    const line = await openLine()
    const running = new Set<string>()
    let failures = 2
    const { deliver, done, started } = recorder(async ({ delta }) => {
      expect(running.has(delta.name)).toBe(false)
      running.add(delta.name)
      await sleep(2)
      running.delete(delta.name)
      if (delta.id === second && failures-- > 0) throw new Error('not yet')
    })
    const [, second, third] = await line.push('a', 'a', 'a')
    await line.work(deliver)
    await until(() => expect(done).toContain(third))
    const more = await line.push('a', 'a')
    await until(() => expect(done).toContain(more.at(-1)))
    expect(done.map((id) => Number(id.split('.')[1]))).toEqual([1, 2, 3, 4, 5])
    expect(started.filter((id) => id === second)).toHaveLength(3)
  })

  test('holds up nobody else while it fails', async () => {
    const line = await openLine()
    const { deliver, done } = recorder(({ delta }) => {
      if (delta.name === 'bad') throw new Error('no')
    })
    await line.work(deliver, { policy: { attempts: null, backoff: { initialMs: 60_000, maxMs: 60_000 } } })
    await line.push('bad')
    const others = await line.push(...Array.from({ length: 50 }, (_, n) => `good-${n}`))
    await until(() => expect([...done].sort()).toEqual([...others].sort()))
    expect(await line.pending()).toBe(1)
  })
})

describe('a delivery that fails', () => {
  test('is tried as often as the policy says, counted from one, and then kept with its object', async () => {
    const line = await openLine()
    const { deliver, done, attempts } = recorder(({ delta }) => {
      if (delta.id === first) throw new TypeError('cannot')
    })
    const [first, second] = await line.push('a', 'a')
    await line.work(deliver)
    await until(() => expect(done).toEqual([second]))
    expect(attempts).toEqual([1, 2, 3, 1])
    expect(await line.deadLetters()).toMatchObject([
      {
        entry: { id: first },
        attempts: 3,
        error: { name: 'TypeError', message: 'cannot' },
        object: { metadata: { name: 'a' }, spec: { replicas: 1 } },
      },
    ])
  })

  test('waits longer from one attempt to the next', async () => {
    const line = await openLine()
    const at: number[] = []
    await line.work(
      () => {
        at.push(performance.now())
        throw new Error('no')
      },
      { policy: { attempts: 4, backoff: { initialMs: 200, maxMs: 60_000 } } },
    )
    await line.push('a')
    await until(async () => expect(await line.deadLetters()).toHaveLength(1))
    const pauses = at.slice(1).map((time, i) => time - at[i]!)
    pauses.forEach((pause, i) => {
      expect(pause).toBeGreaterThanOrEqual(0.5 * 200 * 2 ** i - 5)
    })
    expect(pauses).toHaveLength(3)
  })

  test('for good is a dead letter at once', async () => {
    const line = await openLine()
    await line.work(() => ({ ...failed(new Error('never')), permanent: true }))
    await line.push('a')
    await until(async () => expect(await line.deadLetters()).toMatchObject([{ attempts: 1 }]))
  })

  test('waits as long as it asks for', async () => {
    const line = await openLine()
    const at: number[] = []
    await line.work(() => {
      at.push(performance.now())
      return at.length === 1 ? { ...failed(new Error('later')), retryAfterMs: 700 } : undefined
    })
    await line.push('a')
    await until(() => expect(at).toHaveLength(2))
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(690)
  })

  test('by running too long has used an attempt', async () => {
    const line = await openLine()
    const { deliver, attempts } = recorder(({ attempt }, signal) => {
      if (attempt > 1) return
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    await line.work(deliver, { policy: { timeoutMs: 200 } })
    await line.push('a')
    await until(() => expect(attempts).toEqual([1, 2]))
  })
})

describe('a target that fails', () => {
  test('is probed by one delivery at a time and nothing is counted', async () => {
    const line = await openLine()
    let broken = true
    const { deliver, done, attempts, started } = recorder(() =>
      broken ? failed(new Error('down'), 'target') : undefined,
    )
    await line.work(deliver, { policy: { concurrency: 4 } })
    const ids = await line.push('a', 'b', 'c', 'd', 'e', 'f')
    await until(() => expect(started.length).toBeGreaterThanOrEqual(5))
    const before = started.length
    expect(before).toBeLessThan(10)
    broken = false
    done.length = 0
    await until(() => expect([...done].sort()).toEqual([...ids].sort()))
    expect(new Set(attempts)).toEqual(new Set([1]))
    expect(await line.deadLetters()).toEqual([])
  })
})

describe('limits', () => {
  test('hold over all dispatchers: deliveries at once', async () => {
    const line = await openLine()
    const { deliver, done, most } = recorder(() => sleep(5))
    const policy = { concurrency: 6 }
    await line.push(...Array.from({ length: 700 }, (_, n) => `o-${n}`))
    await line.work(deliver, { policy })
    await line.work(deliver, { policy })
    await until(() => expect(done).toHaveLength(700))
    expect(most()).toBeLessThanOrEqual(6)
    expect(most()).toBeGreaterThanOrEqual(4)
  })

  test('hold: deliveries per second', async () => {
    const line = await openLine()
    const at: number[] = []
    await line.work(() => void at.push(performance.now()), { policy: { rate: { perSecond: 50, burst: 10 } } })
    await line.push(...Array.from({ length: 60 }, (_, n) => `o-${n}`))
    await until(() => expect(at).toHaveLength(60))
    // ten at once, and fifty more at fifty a second
    expect(at.at(-1)! - at[0]!).toBeGreaterThan(900)
    expect(at.at(-1)! - at[0]!).toBeLessThan(2_500)
  })

  test('a batching target has its batches filled, each with different objects', async () => {
    const line = await openLine()
    const { deliver, done } = recorder()
    await line.push(...Array.from({ length: 40 }, (_, n) => `o-${n % 20}`))
    await line.work(deliver, { maxBatch: 10, policy: { concurrency: 200 } })
    await until(() => expect(done).toHaveLength(40))
    expect(new Set(done).size).toBe(40)
  })
})

test('what the trigger no longer wants is done with, undelivered', async () => {
  const line = await openLine()
  const { deliver, done } = recorder()
  const [, wanted] = await line.push('a', 'b', 'a')
  await line.work(deliver, { definition: { ...line.record.definition, names: ['b'] } })
  await until(async () => expect(await line.pending()).toBe(0))
  expect(done).toEqual([wanted])
})
