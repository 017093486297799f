import { expect, test, vi } from 'vitest'
import { shardKeys } from '../../core/redis/keys.ts'
import { redisCorner } from '../support/redis.ts'
import { type Answer, bookmark, configMap, frame } from '../support/scripted-api.ts'
import { TestStreams } from '../support/streams.ts'

const open = () => TestStreams.open(redisCorner())
const list = (resourceVersion: string, ...page: object[]): Answer => ({ page, resourceVersion })
const watch = (...lines: object[]): Answer => ({ watch: lines, end: 'hang' })
const version = (name: string, resourceVersion: string, value: string) =>
  configMap(name, resourceVersion, { data: { value } })

/** A stream that has seen a, b and c up to 9000 and is stopped there; `a` last at 8000. */
async function seenUpTo9000(keepsOld = false) {
  const streams = await open()
  const all = await streams.trigger('all', keepsOld ? { old: true } : {})
  const objects = [version('a', '10', '1'), version('b', '20', '1'), version('c', '30', '1')]
  const lines = [frame('MODIFIED', version('a', '8000', '2')), bookmark('9000')]
  const first = streams.start([list('100', ...objects), watch(...lines)], [all], { keepsOld })
  await vi.waitFor(() => expect(first.stream.status.resourceVersion).toBe('9000'))
  await first.stop()
  await streams.expectWaiting(all, ['Updated a'])
  return { streams, all }
}

test('etcd restored while the watcher was down: what that took back, changed and brought back is told, under ids of its own', async () => {
  const { streams, all } = await seenUpTo9000()
  const back = [version('a', '10', '1'), version('b', '20', '1'), version('d', '5', '1')]
  const { api, stream } = streams.start([{ present: '5000' }, list('5000', ...back)], [all])
  await streams.expectWaiting(all, [
    'Updated a',
    'Updated a Rewound',
    'Deleted c unseen MissedWhileDisconnected',
    'Added d',
  ])
  const ids = (await streams.entries(all)).map(({ id }) => id)
  expect(ids).toEqual(['uid-a.8000', 'uid-a.10.r1', 'uid-c.deleted', 'uid-d.5.r1'])
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', resourceVersion: '5000' }))
  await vi.waitFor(() => expect(api.requests.at(-1)?.query).toMatchObject({ watch: '1', resourceVersion: '5000' }))
})

test('what is deleted after a rewind, and had been deleted before it, has two ids', async () => {
  const streams = await open()
  const all = await streams.trigger('all')
  const first = streams.start(
    [list('100', configMap('a', '10')), watch(frame('DELETED', configMap('a', '110')))],
    [all],
  )
  await streams.expectWaiting(all, ['Deleted a'])
  await first.stop()
  const script = [{ present: '50' }, list('50', configMap('a', '10')), watch(frame('DELETED', configMap('a', '60')))]
  streams.start(script, [all])
  await streams.expectWaiting(all, ['Deleted a', 'Added a', 'Deleted a'])
  expect((await streams.entries(all)).map(({ id }) => id)).toEqual(['uid-a.deleted', 'uid-a.10.r1', 'uid-a.deleted.r1'])
})

test('the same resourceVersion on the other side of a rewind is another one when its content is', async () => {
  const { streams, all } = await seenUpTo9000(true)
  const back = [version('a', '8000', '3'), version('b', '20', '1'), version('c', '30', '1')]
  const { stream } = streams.start([{ present: '8500' }, list('8500', ...back)], [all], { keepsOld: true })
  await streams.expectWaiting(all, ['Updated a', 'Updated a Rewound'])
  await vi.waitFor(() => expect(stream.status.resourceVersion).toBe('8500'))
  const [, rewound] = await streams.entries(all)
  expect(rewound).toMatchObject({ id: 'uid-a.8000.r1', changed: ['data.value'] })
})

test('a process that ends within the relist of a rewind leaves it to the next one', async () => {
  const { streams, all } = await seenUpTo9000()
  const page: Answer = { page: [version('a', '10', '1')], resourceVersion: '5000', continue: 'more' }
  const broken = Array<Answer>(50).fill({ throws: new Error('cut') })
  const first = streams.start([{ present: '5000' }, page, ...broken], [all])
  await streams.expectWaiting(all, ['Updated a', 'Updated a Rewound'])
  await first.stop()
  streams.start([list('5001', version('a', '10', '1'), version('b', '15', '1'), version('c', '30', '1'))], [all])
  await streams.expectWaiting(all, ['Updated a', 'Updated a Rewound', 'Updated b Rewound'])
  expect((await streams.entries(all)).map(({ id }) => id)).toEqual(['uid-a.8000', 'uid-a.10.r1', 'uid-b.15.r1'])
})

test('a restart of a cluster that did not go back asks once and watches on', async () => {
  const { streams, all } = await seenUpTo9000()
  const { api } = streams.start([{ present: '9000' }, watch(frame('MODIFIED', version('a', '9001', '3')))], [all])
  await streams.expectWaiting(all, ['Updated a', 'Updated a'])
  expect(api.requests.map(({ query }) => [query.limit, query.resourceVersion])).toEqual([
    ['1', undefined],
    [undefined, '9000'],
  ])
})

test('a bookmark from before the position that was asked for gives a rewind away', async () => {
  const { streams, all } = await seenUpTo9000()
  const script = [{ present: '9000' }, watch(bookmark('5000')), { present: '5000' }, list('5000')]
  streams.start(script, [all])
  await streams.expectWaiting(all, [
    'Updated a',
    'Deleted a unseen MissedWhileDisconnected',
    'Deleted b unseen MissedWhileDisconnected',
    'Deleted c unseen MissedWhileDisconnected',
  ])
})

test('a watch that was down for long asks before it goes on', async () => {
  const { streams, all } = await seenUpTo9000()
  const script: Answer[] = [{ present: '9000' }, { watch: [], end: 'reset' }, { present: '5000' }, list('5000')]
  const { stream } = streams.start(script, [all], {}, { askAfterMs: 0 })
  await vi.waitFor(() => expect(stream.status).toMatchObject({ resourceVersion: '5000', objects: 0 }))
})

test('a rewind that one stream finds holds for all streams of the resource, and is counted once', async () => {
  const { streams, all } = await seenUpTo9000()
  const other = await streams.trigger('other')
  const shop = { namespace: 'shop' }
  const second = streams.start([list('9000', version('a', '8000', '2'))], [other], shop)
  await vi.waitFor(() => expect(second.stream.status.state).toBe('Live'))
  await second.stop()
  const back = list('5000', version('a', '10', '1'))
  const first = streams.start([{ present: '5000' }, back], [all])
  await vi.waitFor(() => expect(first.stream.status.resourceVersion).toBe('5000'))
  streams.start([{ present: '5001' }, back], [other], shop)
  await streams.expectWaiting(other, ['Updated a Rewound'])
  expect((await streams.entries(other)).map(({ id }) => id)).toEqual(['uid-a.10.r1'])
  const { positions } = shardKeys(streams.corner.prefix, 0)
  expect(await streams.redis.hgetall(positions('c1'))).toEqual({ '/configmaps': '1\n5000' })
})

test('the count of rewinds outlives the streams', async () => {
  const { streams, all } = await seenUpTo9000()
  const later = await streams.trigger('later', { from: 'existing' })
  streams.start([{ present: '5000' }, list('5000', configMap('a', '10'))], [later], { startsFor: later.id })
  await streams.expectWaiting(later, ['Added a initial'])
  expect((await streams.entries(later)).map(({ id }) => id)).toEqual(['uid-a.10.r1'])
  expect(all.id).not.toBe(later.id)
})

test('whoever may watch and not list is watched all the same', async () => {
  const { streams, all } = await seenUpTo9000()
  const forbidden = { fails: { code: 403, reason: 'Forbidden' } }
  const { api } = streams.start([{ present: forbidden }, watch()], [all])
  await vi.waitFor(() => expect(api.requests.at(-1)?.query.watch).toBe('1'))
})
