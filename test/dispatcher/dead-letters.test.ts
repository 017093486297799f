import { pino } from 'pino'
import { describe, expect, test, vi } from 'vitest'
import { PermanentError } from '../../core/errors.ts'
import { failed } from '../../dispatcher/policy.ts'
import { type DeadLetter, DeadLetters } from '../../dispatcher/queue/dead-letters.ts'
import { Pause } from '../../dispatcher/queue/pause.ts'
import { type Line, lettersOf, openLine, type WorkOptions } from './line.ts'

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 10 })

/** A line whose target gives up the deltas that `bad` holds, and what it delivered. */
async function openPicky(options?: WorkOptions) {
  const line = await openLine()
  const store = new DeadLetters(line.keys)
  const bad = new Set<string>()
  const done: string[] = []
  const replayed: string[] = []
  await line.work(({ delta }) => {
    if (bad.has(delta.id)) return { ...failed(new PermanentError('no')), permanent: true }
    done.push(delta.id)
    if (delta.replayed) replayed.push(delta.id)
    return { ok: true }
  }, options)
  const all = () => lettersOf(line)
  const ids = async () => (await all()).map(({ entry }) => entry.id).reverse()
  return {
    line,
    store,
    bad,
    done,
    replayed,
    all,
    ids,
    /** Pushes while nothing is delivered, says which of them are bad, and waits for all to settle. */
    async settle(names: readonly string[], isBad: (id: string, index: number) => boolean): Promise<string[]> {
      await new Pause(line.keys).begin(line.redis, line.record.id)
      const pushed = await line.push(...names)
      pushed.filter(isBad).forEach((id) => void bad.add(id))
      await resume(line)
      await until(async () => expect(await line.pending()).toBe(0))
      return pushed
    },
    async replay(letters: readonly DeadLetter[], force = false) {
      const { outcomes, armed } = await store.replay(line.redis, line.record.id, letters, { force })
      await Promise.all(armed.map((id) => line.jobs.addDrain(line.record.id, id)))
      return letters.map((letter) => outcomes.get(letter))
    },
  }
}

async function resume(line: Line): Promise<void> {
  const { armed } = await new Pause(line.keys).end(line.redis, line.record.id)
  await Promise.all(armed.map((id) => line.jobs.addDrain(line.record.id, id)))
}

async function expectNothingKept(line: Line): Promise<void> {
  const queue = line.keys.queue(line.record.id)
  await until(async () => expect(await line.redis.keys(`${line.keys.tag}:p:*`)).toEqual([]))
  expect(await line.redis.keys(`${queue}:dead*`)).toEqual([])
}

describe('a dead letter', () => {
  test('tells what it was, how often it was tried, and why it was given up', async () => {
    const { settle, all } = await openPicky()
    const [id] = await settle(['a'], () => true)
    const [letter] = await all()
    expect(letter).toMatchObject({
      entry: { id, name: 'a' },
      attempts: 1,
      error: { name: 'PermanentError', message: 'no', stack: expect.stringContaining('dead-letters.test') },
    })
    expect(letter!.deadAtMs).toBeGreaterThanOrEqual(letter!.firstFailedAtMs)
  })

  test('is delivered once more, under its id and marked as replayed, and leaves nothing behind', async () => {
    const { settle, all, replay, bad, done, replayed, line } = await openPicky()
    const [id] = await settle(['a'], () => true)
    bad.clear()
    const letters = await all()
    expect(await replay(letters)).toEqual(['REPLAYED'])
    expect(await replay(letters)).toEqual(['GONE'])
    await until(() => expect(done).toEqual([id]))
    expect(replayed).toEqual([id])
    await until(async () => expect(await line.pending()).toBe(0))
    await expectNothingKept(line)
  })

  test('is superseded when a newer delta of its object was delivered, unless forced', async () => {
    const { settle, all, ids, replay, bad, done } = await openPicky()
    const [a1, b1, a2] = await settle(['a', 'b', 'a'], (_, index) => index < 2)
    bad.clear()
    const letters = (await all()).reverse().sort((x, y) => (x.entry.name < y.entry.name ? -1 : 1))
    expect(await replay(letters)).toEqual(['SUPERSEDED', 'REPLAYED'])
    expect(await ids()).toEqual([a1])
    await until(() => expect(done).toEqual([a2, b1]))
    expect(await replay(letters.slice(0, 1), true)).toEqual(['REPLAYED'])
    await until(() => expect(done).toEqual([a2, b1, a1]))
  })

  test('is superseded by a newer one that waits before it: unforced, no line is put out of order', async () => {
    const { settle, all, replay, bad, done, line } = await openPicky()
    const [a1] = await settle(['a'], () => true)
    bad.clear()
    await new Pause(line.keys).begin(line.redis, line.record.id)
    const [a2] = await line.push('a')
    const letters = await all()
    expect(await replay(letters)).toEqual(['SUPERSEDED'])
    expect(await replay(letters, true)).toEqual(['REPLAYED'])
    await resume(line)
    await until(() => expect(done).toEqual([a2, a1]))
  })

  test('is replayed before a newer one of its object, in whatever order they are asked for', async () => {
    const { settle, all, replay, bad, done } = await openPicky()
    const ids = await settle(['a', 'a', 'a'], () => true)
    bad.clear()
    const newestFirst = await all()
    expect(newestFirst.map(({ entry }) => entry.id)).toEqual([...ids].reverse())
    expect(await replay(newestFirst)).toEqual(['REPLAYED', 'REPLAYED', 'REPLAYED'])
    await until(() => expect(done).toEqual(ids))
  })

  test('is not superseded by an older one that was replayed, and is by a newer one', async () => {
    const { settle, all, replay, bad, done } = await openPicky()
    const [first, second, third] = await settle(['a', 'a', 'a'], () => true)
    bad.clear()
    const [c, b, a] = (await all()) as [DeadLetter, DeadLetter, DeadLetter]
    expect(await replay([a])).toEqual(['REPLAYED'])
    await until(() => expect(done).toEqual([first]))
    expect(await replay([c])).toEqual(['REPLAYED'])
    await until(() => expect(done).toEqual([first, third]))
    expect(await replay([b])).toEqual(['SUPERSEDED'])
    expect(await replay([b], true)).toEqual(['REPLAYED'])
    await until(() => expect(done).toEqual([first, third, second]))
  })

  test('that dies again is the same one, with its place among the others', async () => {
    const { settle, all, ids, replay, bad, done } = await openPicky()
    const [a1, a2] = await settle(['a', 'a'], () => true)
    const [second, first] = (await all()) as [DeadLetter, DeadLetter]
    await replay([first])
    await until(async () => expect(await ids()).toEqual([a2, a1]))
    bad.clear()
    expect(await replay([second])).toEqual(['REPLAYED'])
    await until(() => expect(done).toEqual([a2]))
    expect(await replay(await all())).toEqual(['SUPERSEDED'])
  })

  test('that is only asked about stays where it is', async () => {
    const { settle, all, ids, store, line } = await openPicky()
    const pushed = await settle(['a'], () => true)
    const letters = await all()
    const { outcomes, armed } = await store.replay(line.redis, line.record.id, letters, { dryRun: true })
    expect({ told: [...outcomes.values()], armed }).toEqual({ told: ['REPLAYED'], armed: [] })
    expect(await ids()).toEqual(pushed)
  })

  test('that is dropped releases what it kept', async () => {
    const { settle, all, store, line } = await openPicky()
    await settle(['a', 'a', 'b'], () => true)
    const letters = (await all()).map(({ letter }) => letter)
    expect(await store.drop(line.redis, line.record.id, letters)).toBe(3)
    expect(await store.drop(line.redis, line.record.id, letters)).toBe(0)
    await expectNothingKept(line)
  })
})

describe('dead letters', () => {
  test('beyond their number go, the oldest first', async () => {
    const { settle, ids } = await openPicky({ deadLetters: { maxAgeMs: 600_000, maxCount: 2 } })
    const pushed = await settle(['a', 'a', 'a', 'a'], () => true)
    await until(async () => expect(await ids()).toEqual(pushed.slice(2)))
  })

  test('beyond their age go', async () => {
    const { settle, line } = await openPicky({ deadLetters: { maxAgeMs: 500, maxCount: 100 } })
    await settle(['a', 'b'], () => true)
    await until(async () => expect(await line.deadLetters()).toEqual([]))
    await expectNothingKept(line)
  })

  test('that go are counted in the log, once', async () => {
    const lines: string[] = []
    const log = pino({ base: null }, { write: (line: string) => void lines.push(line) })
    const { settle, ids, line } = await openPicky({ deadLetters: { maxAgeMs: 600_000, maxCount: 1 }, log })
    const pushed = await settle(['a', 'a', 'a'], () => true)
    await until(async () => expect(await ids()).toEqual(pushed.slice(2)))
    const sweep = vi.spyOn(line.queue, 'sweep')
    await until(() => expect(sweep.mock.calls.length).toBeGreaterThan(2))
    const told = lines.map((text) => JSON.parse(text)).filter(({ msg }) => msg.startsWith('dead letters dropped'))
    expect(told.reduce((sum, { excess }) => sum + excess, 0)).toBe(2)
    expect(told.every(({ trigger, excess }) => trigger === 'scaled' && excess > 0)).toBe(true)
  })
})
