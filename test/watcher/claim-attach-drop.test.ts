import { expect, test } from 'vitest'
import { FencedOff, Rewound } from '../../watcher/stream-store.ts'
import { openStage, references, type Step } from './stage.ts'

test('a stream begins in birth, and is found again with what it knew', async () => {
  const stage = await openStage()
  expect(await stage.store().claim('b0')).toMatchObject({ phase: 'birth', resourceVersion: '', revision: '0', n: 0 })
  await stage.store().attach('b0', '7', 'hash')
  await stage.send(stage.batch('b1', [['+', 'a', 'ua', 1]]), { prev: 'b0', revision: '1' })
  const record = await stage.store().claim('b2')
  expect(record).toMatchObject({ phase: 'live', resourceVersion: '9', revision: '1', lastBatch: 'b2' })
  expect(record.attachments).toEqual(new Map([['7', 'hash']]))
  expect(record.known.get('ua')).toEqual({ key: 'shop/a', resourceVersion: '1', since: '1', n: 0, payload: 'b1/0' })
  expect(record.known.uidOf('shop/a')).toBe('ua')
})

test('a claim that is sent twice changes nothing more', async () => {
  const stage = await openStage()
  const first = await stage.store().claim('b0')
  const before = await stage.snapshot()
  expect(await stage.store().claim('b0')).toEqual(first)
  expect(await stage.snapshot()).toEqual(before)
})

test('only the owner claims, attaches and drops', async () => {
  const stage = await openStage()
  const other = stage.store(undefined, 'theirs')
  await expect(other.claim('b0')).rejects.toThrow(FencedOff)
  expect(Object.keys(await stage.snapshot())).toEqual([':c:1:owner'])
  await stage.store().claim('b0')
  const before = await stage.snapshot()
  await expect(other.attach('b0', '7', 'hash')).rejects.toThrow(FencedOff)
  await expect(other.drop('b1')).rejects.toThrow(FencedOff)
  expect(await stage.snapshot()).toEqual(before)
})

test('an attachment moves the revision once, however often it is sent', async () => {
  const stage = await openStage()
  const store = stage.store()
  await store.claim('b0')
  expect(await store.attach('b0', '7', 'hash')).toBe('1')
  expect(await store.attach('b0', '7', 'hash')).toBe('1')
  expect(await store.attach('b0', '7', 'other')).toBe('2')
  expect(await store.attach('b0', '7', undefined)).toBe('3')
  expect(await store.attach('b0', '7', undefined)).toBe('3')
  await expect(store.attach('b1', '7', 'hash')).rejects.toThrow('attach answered REWIND')
})

test('nothing joins inside a relist, and what is there may leave', async () => {
  const stage = await openStage()
  const store = stage.store()
  await store.claim('b0')
  await store.attach('b0', '7', 'hash')
  const batch = stage.batch('b1', [])
  await store.commit({ batch, pushes: [], prev: 'b0', revision: '1', phase: 'relisting', n: 0, resourceVersion: '' })
  await expect(store.attach('b1', '8', 'hash')).rejects.toThrow('attach answered RELISTING')
  expect(await store.attach('b1', '7', undefined)).toBe('2')
})

test('there is no attaching to a stream that is not there', async () => {
  const stage = await openStage()
  await expect(stage.store().attach('b0', '7', 'hash')).rejects.toThrow('attach answered GONE')
})

test('a dropped stream leaves nothing behind but the position of its resource, however large it was', async () => {
  const stage = await openStage()
  const store = stage.store()
  await store.claim('b0')
  const steps = Array.from({ length: 3_000 }, (_, i): Step => ['+', `n${i}`, `u${i}`, i + 1])
  await stage.send(stage.batch('b1', steps), { prev: 'b0' })
  await store.drop('b2')
  expect(Object.keys(await stage.snapshot())).toEqual([':c:1:owner', ':c:1:positions'])
  await store.drop('b3')
})

test('a stream with a trigger on it is not dropped', async () => {
  const stage = await openStage()
  const store = stage.store()
  await store.claim('b0')
  await store.attach('b0', '7', 'hash')
  await expect(store.drop('b1')).rejects.toThrow(Rewound)
})

test('a drop that was cut short is finished before the stream begins anew', async () => {
  const stage = await openStage()
  const store = stage.store()
  await store.claim('b0')
  const steps = Array.from({ length: 2_000 }, (_, i): Step => ['+', `n${i}`, `u${i}`, i + 1])
  await stage.send(stage.batch('b1', steps), { prev: 'b0' })
  // the second call is the one that is lost
  let calls = 0
  const cut = stage.store()
  const drop = cut.drop.bind(cut)
  const evalsha = stage.redis.call.bind(stage.redis)
  Object.assign(stage.redis, {
    call: (...args: Parameters<typeof evalsha>) => (++calls > 1 ? Promise.reject(new Error('cut')) : evalsha(...args)),
  })
  await expect(drop('b2')).rejects.toThrow('cut')
  Object.assign(stage.redis, { call: evalsha })
  const { actual, counted } = await references(stage)
  expect(Object.keys(actual).length).toBeGreaterThan(0)
  expect(counted).toEqual(actual)
  const record = await store.claim('b3')
  expect(record.phase).toBe('birth')
  expect(record.known.size).toBe(0)
  expect(await references(stage)).toEqual({ actual: {}, counted: {}, fields: [] })
})
