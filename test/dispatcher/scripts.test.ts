import { describe, expect, test, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { installationKeys } from '../../core/redis/keys.ts'
import { loadScript } from '../../core/redis/script.ts'
import { type DeadLetter, DeadLetters } from '../../dispatcher/queue/dead-letters.ts'
import { Pause } from '../../dispatcher/queue/pause.ts'
import { type Claim, type Result, type Turn, WorkQueue } from '../../dispatcher/queue/queue.ts'
import { Registry } from '../../dispatcher/registry/registry.ts'
import { failingCall, snapshot } from '../support/failing-calls.ts'
import { definition, type Line, lettersOf, openLine } from './line.ts'

type Rewrite = (source: string) => string
/** Sends one script to a state that is there for it. */
type Act = (rewrite?: Rewrite) => Promise<unknown>

interface Scenario {
  readonly prepare: (line: Line) => Promise<Act>
  /** Calls that are known to be made, so that a test that injects nothing is noticed. */
  readonly calls: number
}

const problem = { name: 'Error', message: 'no' }
const turn: Turn = {
  want: 10,
  entriesPerObject: 8,
  running: 0,
  concurrency: 20,
  mostDrains: 4,
  objectsPerDrain: 2,
  holds: 0,
  results: [],
  keepSuspect: false,
}

/** A drain that holds what waits. */
async function held(line: Line, ...names: string[]): Promise<readonly Claim[]> {
  await line.push(...names)
  await line.queue.start(line.redis, line.record.id, 'drain-1', 'token', 1_000)
  const answer = await line.queue.cycle(line.redis, line.record.id, 'drain-1', 'token', turn)
  return answer.status === 'OK' ? [...answer.claims].sort((a, b) => (a.object < b.object ? -1 : 1)) : []
}

const cycle =
  (line: Line, more: Partial<Turn>): Act =>
  (rewrite) =>
    new WorkQueue(line.keys, rewrite).cycle(line.redis, line.record.id, 'drain-1', 'token', { ...turn, ...more })

const park = (claim: Claim, delayMs = 0): Result => ({
  what: 'park',
  claim,
  delivered: 0,
  attempts: 1,
  problem,
  delayMs,
})

/** Deltas of these objects that have died, one after the other. */
async function died(line: Line, ...names: string[]): Promise<DeadLetter[]> {
  const claims = await held(line, ...names)
  const results = claims.flatMap((claim): Result[] => [{ what: 'dead', claim, delivered: 0, attempts: 1, problem }])
  await line.queue.cycle(line.redis, line.record.id, 'drain-1', 'token', { ...turn, results })
  return lettersOf(line)
}

const scenarios: Record<string, Scenario> = {
  'drain-start takes a drain over': {
    calls: 4,
    async prepare(line) {
      await held(line, 'a', 'b')
      return (rewrite) => new WorkQueue(line.keys, rewrite).start(line.redis, line.record.id, 'drain-1', 'next', 0)
    },
  },
  'drain-suspect notes an object': {
    calls: 3,
    async prepare(line) {
      const [claim] = await held(line, 'a')
      return (rewrite) =>
        new WorkQueue(line.keys, rewrite).suspect(line.redis, line.record.id, 'drain-1', 'token', claim!.object)
    },
  },
  'drain-cycle claims, under a rate, and arms more drains': {
    calls: 15,
    async prepare(line) {
      await line.push(...Array.from({ length: 12 }, (_, n) => `o-${n % 9}`))
      await line.queue.start(line.redis, line.record.id, 'drain-1', 'token', 1_000)
      return cycle(line, { want: 3, rate: { perSecond: 5, burst: 5 } })
    },
  },
  'drain-cycle takes in every kind of result, and opens the breaker': {
    calls: 30,
    async prepare(line) {
      // one more stays in hand: a drain that is let go would be refused the second time
      const [a, b, c, d, e] = (await held(line, 'a', 'b', 'c', 'd', 'e', 'f', 'a', 'c', 'e')) as [
        Claim,
        Claim,
        Claim,
        Claim,
        Claim,
        Claim,
      ]
      await line.push('a')
      const results: Result[] = [
        { what: 'ok', claim: a, delivered: 2 },
        park(b, 500),
        { what: 'dead', claim: c, delivered: 1, attempts: 3, problem },
        { what: 'back', claim: d, delivered: 0 },
        { what: 'ok', claim: e, delivered: 2 },
      ]
      return cycle(line, { results, want: 0, holds: 1, breaker: { open: true, notBeforeMs: 5 } })
    },
  },
  'drain-cycle lets a drain go, with the breaker closed': {
    calls: 20,
    async prepare(line) {
      const claims = await held(line, 'a')
      await line.redis.hset(`${line.keys.queue(line.record.id)}:breaker`, 'until', '1', 'failures', '1')
      const results = claims.map((claim): Result => ({ what: 'ok', claim, delivered: 1 }))
      return cycle(line, { results, breaker: { open: false, notBeforeMs: 0 } })
    },
  },
  'drain-cycle resyncs': {
    calls: 5,
    async prepare(line) {
      await held(line, 'a', 'b')
      return cycle(line, { holds: 1 })
    },
  },
  'unpark puts an object back and arms a drain': {
    calls: 8,
    async prepare(line) {
      const [claim] = await held(line, 'a')
      const answer = await line.queue.cycle(line.redis, line.record.id, 'drain-1', 'token', {
        ...turn,
        results: [park(claim!)],
      })
      const [retry] = answer.status === 'RELEASED' ? answer.retries : []
      return (rewrite) => new WorkQueue(line.keys, rewrite).unpark(line.redis, line.record.id, retry!.object, retry!.id)
    },
  },
  'sweep puts overdue objects back and arms a drain': {
    calls: 10,
    async prepare(line) {
      const claims = await held(line, 'a', 'b')
      await line.queue.cycle(line.redis, line.record.id, 'drain-1', 'token', {
        ...turn,
        results: claims.map((claim) => park(claim)),
      })
      return (rewrite) => new WorkQueue(line.keys, rewrite).sweep(line.redis, line.record.id, 0)
    },
  },
  'reclaim takes back what a drain held and arms another': {
    calls: 10,
    async prepare(line) {
      await held(line, 'a', 'b')
      return (rewrite) => new WorkQueue(line.keys, rewrite).reclaim(line.redis, line.record.id, 'drain-1', 'token', 0)
    },
  },
  'drain-cycle delivers what makes a dead letter old': {
    calls: 10,
    async prepare(line) {
      const [a, b] = (await held(line, 'a', 'b', 'c', 'a', 'b')) as [Claim, Claim]
      const dead = (claim: Claim): Result => ({ what: 'dead', claim, delivered: 0, attempts: 1, problem })
      const more = { ...turn, results: [dead(a), dead(b)], holds: 1 }
      const answer = await line.queue.cycle(line.redis, line.record.id, 'drain-1', 'token', more)
      const claims = answer.status === 'OK' ? answer.claims : []
      const results = [{ what: 'ok', claim: claims[0]!, delivered: 1 } satisfies Result, dead(claims[1]!)]
      return cycle(line, { results, want: 0, holds: 1 })
    },
  },
  'dead-replay puts letters back and arms a drain': {
    calls: 20,
    async prepare(line) {
      const letters = await died(line, 'a', 'b', 'c', 'd')
      await line.push('b')
      return (rewrite) =>
        new DeadLetters(line.keys, rewrite).replay(line.redis, line.record.id, letters.slice(0, 3), { force: true })
    },
  },
  'dead-drop drops letters, and releases their payloads': {
    calls: 8,
    async prepare(line) {
      const [, ...letters] = await died(line, 'a', 'b', 'c')
      const names = letters.map(({ letter }) => letter)
      return (rewrite) => new DeadLetters(line.keys, rewrite).drop(line.redis, line.record.id, names)
    },
  },
  'dead-bound drops the oldest': {
    calls: 8,
    async prepare(line) {
      await died(line, 'a', 'b', 'c')
      const limits = { maxAgeMs: 60_000, maxCount: 1 }
      return (rewrite) => new DeadLetters(line.keys, rewrite).bound(line.redis, line.record.id, limits)
    },
  },
  'pause stops a trigger': {
    calls: 3,
    async prepare(line) {
      return (rewrite) => new Pause(line.keys, rewrite).begin(line.redis, line.record.id)
    },
  },
  'resume puts back what became due, and arms a drain': {
    calls: 12,
    async prepare(line) {
      const claims = await held(line, 'a', 'b', 'c')
      await new Pause(line.keys).begin(line.redis, line.record.id)
      const results: Result[] = [
        park(claims[0]!),
        park(claims[1]!, 60_000),
        { what: 'back', claim: claims[2]!, delivered: 0 },
      ]
      await line.queue.cycle(line.redis, line.record.id, 'drain-1', 'token', { ...turn, results })
      return (rewrite) => new Pause(line.keys, rewrite).end(line.redis, line.record.id)
    },
  },
  'publish adds, swaps, withdraws and begins to drop, and forgets the dead': {
    calls: 8,
    async prepare(line) {
      const options = { redis: line.redis, keys: installationKeys(line.corner.prefix), log: silentLog, orphanMs: 0 }
      const named = (name: string, names?: string[]) => ({ ...definition, name, ...(names && { names }) })
      const one = new Registry(options)
      one.set([named('edited'), named('withdrawn'), named('over')])
      await one.publish()
      one.set([named('edited'), named('withdrawn')])
      await one.publish()
      const { publishers, triggers } = options.keys
      await line.redis.hset(publishers, 'dead', '1\nx y')
      const [me] = (await line.redis.hkeys(publishers)).filter((id) => id !== 'dead')
      const hash = 'another'
      return (rewrite) =>
        loadScript(new URL('../../dispatcher/registry/publish.lua', import.meta.url), rewrite).run(
          line.redis,
          [triggers, publishers, options.keys.triggersRevision, options.keys.ids],
          [me!, 15_000, 60_000, 2, 1, 'edited', hash, '{"a":1}', 1, 'fresh', hash, '{"a":2}', 0, 'withdrawn'],
        )
    },
  },
  'forget-trigger removes a record': {
    calls: 4,
    async prepare(line) {
      const { triggers, triggersRevision } = installationKeys(line.corner.prefix)
      await line.redis.hset(triggers, 'gone', 't9\ndropping\n1\nh\nh\n{}')
      return (rewrite) =>
        loadScript(new URL('../../dispatcher/registry/forget-trigger.lua', import.meta.url), rewrite).run(
          line.redis,
          [triggers, triggersRevision],
          ['gone', 't9'],
        )
    },
  },
  'detach-unowned takes a trigger off a stream': {
    calls: 7,
    async prepare(line) {
      const { owner, stream, streams, attachments } = line.keys
      const cluster = owner(`c-${line.record.id}`)
      await line.redis.del(cluster)
      const [id = ''] = await line.redis.hkeys(streams)
      return (rewrite) =>
        loadScript(new URL('../../dispatcher/registry/detach-unowned.lua', import.meta.url), rewrite).run(
          line.redis,
          [cluster, stream(id), attachments(id)],
          [line.record.id],
        )
    },
  },
  'drop-trigger empties mailboxes and dead letters': {
    calls: 15,
    async prepare(line) {
      const [a] = await held(line, 'a', 'b', 'a', 'c')
      const dead: Result = { what: 'dead', claim: a!, delivered: 0, attempts: 1, problem }
      await line.queue.cycle(line.redis, line.record.id, 'drain-1', 'token', {
        ...turn,
        want: 0,
        holds: 2,
        results: [dead],
      })
      const queue = line.keys.queue(line.record.id)
      return (rewrite) =>
        loadScript(new URL('../../dispatcher/registry/drop-trigger.lua', import.meta.url), rewrite).run(
          line.redis,
          [`${queue}:owned`],
          [queue, line.keys.tag, 100],
        )
    },
  },
}

/** A line whose drains nobody runs. Ids that are drawn and not used do no harm. */
async function openQuietLine() {
  const line = await openLine()
  vi.spyOn(line.jobs, 'addDrain').mockResolvedValue()
  const counters = /:(ids|claims|revision)$/
  return { line, state: () => snapshot(line.redis, line.corner.prefix, (key) => counters.test(key)) }
}

describe('a script that fails at any of its calls changes nothing', () => {
  test.each(Object.entries(scenarios))('%s', async (_, { prepare, calls }) => {
    const { line, state } = await openQuietLine()
    const act = await prepare(line)
    const before = await state()
    let n = 1
    for (; ; n++) {
      const failure = await act(failingCall(n)).then(
        () => undefined,
        (error: Error) => error,
      )
      if (!failure) break
      expect(failure.message).toMatch(/INJECTED/)
      expect(await state(), `after call ${n} failed`).toEqual(before)
    }
    expect(n).toBeGreaterThan(calls)
    expect(await state()).not.toEqual(before)
  })
})

describe('a script that is sent twice changes nothing the second time', () => {
  /** Times, and how many deliveries a drain was granted, are new with each call. */
  const settled = (state: unknown) =>
    JSON.parse(
      JSON.stringify(state)
        .replace(/\b1\d{12}\b/g, '0')
        .replace(/\|\d+\|/g, '|'),
    )

  test.each(Object.entries(scenarios))('%s', async (_, { prepare }) => {
    const { line, state } = await openQuietLine()
    const act = await prepare(line)
    await act()
    const after = settled(await state())
    await act()
    expect(settled(await state())).toEqual(after)
  })
})
