import { expect, test, vi } from 'vitest'
import { shardKeys } from '../../core/redis/keys.ts'
import { FencedOff } from '../../watcher/stream-store.ts'
import { redisCorner } from '../support/redis.ts'
import { type Answer, configMap, errorFrame, frame } from '../support/scripted-api.ts'
import { TestStreams } from '../support/streams.ts'

const open = () => TestStreams.open(redisCorner())
const list = (resourceVersion: string, ...page: object[]): Answer => ({ page, resourceVersion })
const watch = (...lines: object[]): Answer => ({ watch: lines, end: 'hang' })
const gone: Answer = { watch: [errorFrame(410, 'Expired')] }

test('a trigger that starts now hears what happens after the first list, one that starts with what exists hears the list too', async () => {
  const streams = await open()
  const now = await streams.trigger('now')
  const existing = await streams.trigger('existing', { from: 'existing' })
  const script = [list('10', configMap('a', '3')), watch(frame('ADDED', configMap('b', '11')))]
  streams.start(script, [now])
  streams.start(script, [existing], { startsFor: existing.id })
  await streams.expectWaiting(now, ['Added b'])
  await streams.expectWaiting(existing, ['Added a initial', 'Added b'])
})

test('a relist tells the difference and nothing else', async () => {
  const streams = await open()
  const all = await streams.trigger('all')
  const before = ['same', 'newer', 'gone', 'again'].map((name, i) => configMap(name, `${i + 1}`))
  const after = [
    configMap('same', '1'),
    configMap('newer', '22'),
    configMap('fresh', '23'),
    {
      ...configMap('again', '24'),
      metadata: { name: 'again', namespace: 'shop', uid: 'uid-2', resourceVersion: '24' },
    },
  ]
  const { stream } = streams.start([list('10', ...before), gone, list('30', ...after)], [all])
  await streams.expectWaiting(all, [
    'Deleted again unseen Replaced',
    'Added again',
    'Added fresh',
    'Deleted gone unseen MissedWhileDisconnected',
    'Updated newer',
  ])
  expect((await streams.entries(all)).map(({ id }) => id)).toEqual([
    'uid-again.deleted',
    'uid-2.24',
    'uid-fresh.23',
    'uid-gone.deleted',
    'uid-newer.22',
  ])
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', objects: 4, resourceVersion: '30' }))
})

test('a list that breaks off deletes nothing, and is made whole by the next one', async () => {
  const streams = await open()
  const all = await streams.trigger('all')
  const cut: Answer = { fails: { code: 500, reason: 'InternalError' } }
  const first: Answer = { page: [configMap('a', '1')], resourceVersion: '30', continue: 'more' }
  const script = [
    list('10', configMap('a', '1'), configMap('b', '2')),
    gone,
    first,
    cut,
    first,
    list('30', configMap('c', '25')),
  ]
  streams.start(script, [all])
  await streams.expectWaiting(all, ['Deleted b unseen MissedWhileDisconnected', 'Added c'])
})

test('a new process goes on from the checkpoint: nothing is told twice, nothing is listed', async () => {
  const streams = await open()
  const all = await streams.trigger('all')
  const first = streams.start([list('10'), watch(frame('ADDED', configMap('a', '11')))], [all])
  await streams.expectWaiting(all, ['Added a'])
  await first.stop()
  const second = streams.start([watch(frame('MODIFIED', configMap('a', '12')))], [all])
  await streams.expectWaiting(all, ['Added a', 'Updated a'])
  expect(second.api.requests.map(({ query }) => query.resourceVersion)).toEqual(['11'])
})

test('a process that ends within its first list leaves a first list to the next one', async () => {
  const streams = await open()
  const existing = await streams.trigger('existing', { from: 'existing' })
  const page: Answer = { page: [configMap('a', '1')], resourceVersion: '10', continue: 'more' }
  const first = streams.start(
    [page, { throws: new Error('cut') }, ...Array(50).fill({ throws: new Error('cut') })],
    [existing],
  )
  await streams.expectWaiting(existing, ['Added a initial'])
  await first.stop()
  // a went meanwhile: who was told of it is told of that too
  streams.start([list('20', configMap('b', '15'))], [existing])
  await streams.expectWaiting(existing, [
    'Added a initial',
    'Deleted a unseen MissedWhileDisconnected',
    'Added b initial',
  ])
})

test('the previous state is the last payload, also over a restart and for the first change after the list', async () => {
  const streams = await open()
  const scaled = await streams.trigger('scaled', { changed: ['data.n'] })
  const other = await streams.trigger('other', { old: true, types: ['Deleted'] })
  const keeps = { keepsOld: true }
  const n = (name: string, version: string, value: string) =>
    configMap(name, version, { data: { n: value, m: version } })
  const first = streams.start(
    [list('10', n('a', '1', '1')), watch(frame('MODIFIED', n('a', '11', '1')))],
    [scaled, other],
    keeps,
  )
  await vi.waitFor(() => expect(first.stream.status.resourceVersion).toBe('11'))
  await first.stop()
  streams.start(
    [watch(frame('MODIFIED', n('a', '12', '2')), frame('DELETED', n('a', '13', '2')))],
    [scaled, other],
    keeps,
  )
  await streams.expectWaiting(scaled, ['Updated a'])
  await streams.expectWaiting(other, ['Deleted a'])
  const [updated] = await streams.entries(scaled)
  expect(updated?.changed).toEqual(['data.m', 'data.n'])
  const [batch, field] = updated!.old.split('/')
  const stored = await streams.redis.hget(shardKeys(streams.corner.prefix, 0).payloads(batch!), field!)
  expect(JSON.parse(stored!)).toMatchObject({ data: { n: '1', m: '11' } })
})

test('a trigger joins a running stream between two batches and hears what comes then; one that leaves hears no more', async () => {
  const streams = await open()
  const early = await streams.trigger('early')
  const late = await streams.trigger('late')
  const first = streams.start([list('10'), watch(frame('ADDED', configMap('a', '11')))], [early])
  await streams.expectWaiting(early, ['Added a'])
  first.stream.setTriggers([late])
  await vi.waitFor(() => expect([...first.stream.attached()]).toEqual([late.id]))
  await first.stop()
  streams.start([watch(frame('ADDED', configMap('b', '12')))], [late])
  await streams.expectWaiting(late, ['Added b'])
  await streams.expectWaiting(early, ['Added a'])
})

test('an edited trigger with the same query goes on in place: not one delta is lost or told twice', async () => {
  const streams = await open()
  const before = await streams.trigger('all', { types: ['Added'] })
  const first = streams.start(
    [list('10'), watch(frame('ADDED', configMap('a', '11')), frame('MODIFIED', configMap('a', '12')))],
    [before],
  )
  await vi.waitFor(() => expect(first.stream.status.resourceVersion).toBe('12'))
  const after = await streams.trigger('all', { types: ['Updated'] })
  expect(after.id).toBe(before.id)
  first.stream.setTriggers([after])
  await first.stop()
  streams.start([watch(frame('MODIFIED', configMap('a', '13')))], [after])
  await streams.expectWaiting(after, ['Added a', 'Updated a'])
})

test('whoever is no longer the owner changes nothing and is told so', async () => {
  const streams = await open()
  const all = await streams.trigger('all')
  const first = streams.start([list('10'), watch(frame('ADDED', configMap('a', '11')))], [all])
  await streams.expectWaiting(all, ['Added a'])
  await streams.redis.set(shardKeys(streams.corner.prefix, 0).owner('c1'), 'another')
  const fenced = expect(first.running).rejects.toThrow(FencedOff)
  first.stream.setTriggers([])
  await fenced
  const late = streams.start([watch(frame('ADDED', configMap('b', '12')))], [all])
  await expect(late.running).rejects.toThrow(FencedOff)
  await streams.expectWaiting(all, ['Added a'])
})

test('a claim by another process ends the batches of the one before it: that one goes back to the checkpoint', async () => {
  const streams = await open()
  const all = await streams.trigger('all')
  const first = streams.start([list('10'), watch(frame('ADDED', configMap('a', '11')))], [all])
  await streams.expectWaiting(all, ['Added a'])
  const second = streams.start([watch()], [all])
  await vi.waitFor(() => expect(second.stream.status.state).toBe('Live'))
  first.stream.setTriggers([])
  // its attach found another batch's name, so it claimed anew and only then took the trigger off
  await vi.waitFor(() => expect(first.api.requests.at(-1)?.query.resourceVersion).toBe('11'))
  await streams.expectWaiting(all, ['Added a'])
})

test('an Added and its Deleted in one batch are both told, in order', async () => {
  const streams = await open()
  const all = await streams.trigger('all')
  streams.start(
    [list('10'), watch(frame('ADDED', configMap('a', '11')), frame('DELETED', configMap('a', '12')))],
    [all],
  )
  await streams.expectWaiting(all, ['Added a', 'Deleted a'])
})

test('an object that cannot be read to its end takes nothing with it: when it can be, it is told', async () => {
  const streams = await open()
  const all = await streams.trigger('all')
  const broken = `${JSON.stringify(frame('ADDED', configMap('c', '13'))).slice(0, -2)},"data" 1}}\n`
  const before = [frame('ADDED', configMap('a', '11')), frame('ADDED', configMap('b', '12'))]
  // in pieces: the first batch is on its way to Redis while the next one is being filled
  const cut: Answer = { watch: [...before, broken], end: 'hang', chunkBytes: 16 }
  const whole = watch(...before, frame('ADDED', configMap('c', '13')))
  streams.start([list('10'), cut, whole], [all])
  await streams.expectWaiting(all, ['Added a', 'Added b', 'Added c'])
})

test('five thousand objects in one list become batches, and all of them are known', async () => {
  const streams = await open()
  const existing = await streams.trigger('existing', { from: 'existing' })
  const objects = Array.from({ length: 5_000 }, (_, i) => configMap(`o-${i}`, `${i + 1}`))
  const { stream } = streams.start([list('9000', ...objects)], [existing], { startsFor: existing.id })
  await vi.waitFor(
    () => expect(stream.status).toMatchObject({ state: 'Live', objects: 5_000, resourceVersion: '9000' }),
    20_000,
  )
  expect(await streams.entries(existing)).toHaveLength(5_000)
})
