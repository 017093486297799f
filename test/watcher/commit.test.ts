import { expect, test } from 'vitest'
import { decodeEntry } from '../../core/queue/entry.ts'
import { FencedOff, Rewound } from '../../watcher/stream-store.ts'
import { matcherNamed, openStage, references, type Stage, type Step } from './stage.ts'

const first: Step[] = [
  ['+', 'a', 'ua', 1],
  ['+', 'b', 'ub', 2],
  ['+', 'c', 'uc', 3],
]
const second: Step[] = [
  ['+', 'a', 'ua', 4],
  ['-', 'b', 'ub', 5],
  ['+', 'c', 'uc2', 6],
  ['+', 'a', 'ua', 7],
]
const both = [matcherNamed('1', { old: true }), matcherNamed('2')]

async function open(): Promise<Stage> {
  const stage = await openStage()
  await stage.store().claim('b0')
  return stage
}

async function holds(stage: Stage): Promise<void> {
  const { counted, actual, fields } = await references(stage)
  expect(counted).toEqual(actual)
  expect(fields).toEqual(Object.keys(actual).sort())
}

test('known, checkpoint and mailboxes move in one step', async () => {
  const stage = await open()
  const { keys, redis } = stage
  expect(await stage.send(stage.batch('b1', first, both), { prev: 'b0' })).toEqual([
    ['1', 'drain-1'],
    ['2', 'drain-1'],
  ])
  await stage.send(stage.batch('b2', second, both), { prev: 'b1' })
  const state = await stage.snapshot()
  const id = Object.keys(state)
    .find((key) => key.endsWith(':known'))!
    .slice(3, -':known'.length)
  expect(await redis.hgetall(keys.stream(id))).toMatchObject({ lastBatch: 'b2', phase: 'live', resourceVersion: '9' })
  expect(await redis.hgetall(keys.names(id))).toEqual({ 'shop/a': 'ua', 'shop/c': 'uc2' })
  const line = (name: string) => redis.lrange(`${keys.queue('1')}:mb:1//configmaps/shop/${name}`, 0, -1)
  const types = async (name: string) =>
    (await line(name)).map((entry) => `${decodeEntry(entry).type} ${decodeEntry(entry).id}`)
  expect(await types('a')).toEqual(['Added ua.1', 'Updated ua.4', 'Updated ua.7'])
  expect(await types('b')).toEqual(['Added ub.2', 'Deleted ub.deleted'])
  expect(await types('c')).toEqual(['Added uc.3', 'Deleted uc.deleted', 'Added uc2.6'])
  expect(await redis.get(`${keys.queue('1')}:pending`)).toBe('8')
  expect(await redis.lrange(`${keys.queue('2')}:ready`, 0, -1)).toEqual(
    ['a', 'b', 'c'].map((name) => `1//configmaps/shop/${name}`),
  )
  await holds(stage)
})

test('sent twice, a commit changes nothing more, and names the drains again', async () => {
  const stage = await open()
  const batch = stage.batch('b1', first, both)
  const drains = await stage.send(batch, { prev: 'b0' })
  const before = await stage.snapshot()
  expect(await stage.send(batch, { prev: 'b0', again: true })).toEqual(drains)
  expect(await stage.snapshot()).toEqual(before)
})

test('a payload that went missing is sent again', async () => {
  const stage = await open()
  const batch = stage.batch('b1', first, both)
  expect(await stage.send(batch, { prev: 'b0', again: true })).toHaveLength(2)
  await holds(stage)
  expect(await stage.redis.pttl(stage.keys.payloads('b1'))).toBe(-1)
})

test('payloads that are written once more, when their commit has long applied, do no harm', async () => {
  const stage = await open()
  const batch = stage.batch('b1', first, both)
  await stage.send(batch, { prev: 'b0' })
  const before = await stage.snapshot()
  await stage.send(batch, { prev: 'b0' })
  expect(await stage.snapshot()).toEqual(before)
  expect(await stage.redis.pttl(stage.keys.payloads('b1'))).toBe(-1)
})

test('another owner, another last batch, other attachments: refused, and nothing changes', async () => {
  const stage = await open()
  await stage.send(stage.batch('b1', first, both), { prev: 'b0' })
  const before = await stage.snapshot()
  const send = (options: Parameters<Stage['send']>[1]) => stage.send(stage.batch('b2', second, both), options)
  await expect(send({ prev: 'b1', store: stage.store(undefined, 'theirs') })).rejects.toThrow(FencedOff)
  await expect(send({ prev: 'b0' })).rejects.toThrow('commit answered REWIND')
  await expect(send({ prev: 'b1', revision: '1' })).rejects.toThrow('commit answered REMATCH')
  await stage.store().claim('b1.claimed')
  await expect(send({ prev: 'b1' })).rejects.toThrow(Rewound)
  await stage.store().claim('b1')
  expect(await stage.snapshot()).toEqual(before)
})

test('a stream that is not there takes no commit', async () => {
  const stage = await openStage()
  await expect(stage.send(stage.batch('b1', first), { prev: 'b0' })).rejects.toThrow('commit answered GONE')
})

test('what nobody refers to any more is gone, also on a stream that keeps old', async () => {
  const stage = await open()
  await stage.send(stage.batch('b1', first), { prev: 'b0' })
  await holds(stage)
  await stage.send(stage.batch('b2', second), { prev: 'b1' })
  await holds(stage)
  await stage.send(
    stage.batch('b3', [
      ['?', 'ua'],
      ['-', 'c', 'uc2', 9],
    ]),
    { prev: 'b2' },
  )
  expect(await references(stage)).toEqual({ counted: {}, actual: {}, fields: [] })
  expect(stage.known.size).toBe(0)
})

test('a Deleted of a relist refers to the last payload for as long as it waits', async () => {
  const stage = await open()
  await stage.send(stage.batch('b1', first), { prev: 'b0' })
  await stage.send(stage.batch('b2', [['?', 'ua']], [matcherNamed('1')]), { prev: 'b1' })
  expect((await references(stage)).actual).toEqual({ 'b1/0': 1, 'b1/1': 1, 'b1/2': 1 })
  await holds(stage)
})

test('two hundred changes for sixty triggers are one commit', async () => {
  const stage = await open()
  const steps = Array.from({ length: 200 }, (_, i): Step => ['+', `n${i}`, `u${i}`, i + 1])
  const matchers = Array.from({ length: 60 }, (_, i) => matcherNamed(`t${i}`))
  expect(await stage.send(stage.batch('b1', steps, matchers), { prev: 'b0' })).toHaveLength(60)
  expect(await stage.redis.llen(`${stage.keys.queue('t59')}:ready`)).toBe(200)
  expect(await stage.redis.hmget(stage.keys.payloads('b1'), '#0', '#199')).toEqual(['61', '61'])
})

test('no list is too long for a script', async () => {
  const stage = await open()
  const steps = Array.from({ length: 9_000 }, (_, i): Step => ['+', `n${i}`, `u${i}`, i + 1])
  await stage.send(stage.batch('b1', steps, [matcherNamed('1')]), { prev: 'b0' })
  const same = Array.from({ length: 9_000 }, (_, i): Step => ['+', 'n0', 'u0', 10_000 + i])
  await stage.send(stage.batch('b2', same, [matcherNamed('1')]), { prev: 'b1' })
  expect(await stage.redis.llen(`${stage.keys.queue('1')}:mb:1//configmaps/shop/n0`)).toBe(9_001)
  const gone = Array.from({ length: 9_000 }, (_, i): Step => ['?', `u${i}`])
  await stage.send(stage.batch('b3', gone, [matcherNamed('1')]), { prev: 'b2' })
  expect(await stage.redis.get(`${stage.keys.queue('1')}:pending`)).toBe('27000')
  await holds(stage)
})
