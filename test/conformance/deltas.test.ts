import { expect } from 'vitest'
import { redisCorner } from '../support/redis.ts'
import { type Answer, configMap, errorFrame, frame } from '../support/scripted-api.ts'
import { TestStreams } from '../support/streams.ts'
import { row } from './row.ts'

const gone: Answer = { watch: [errorFrame(410, 'Expired')] }

/** What is told where `a` at 3 and `b` at 4 are known, by these answers. */
async function told(answers: readonly Answer[], labelSelector = '') {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const first: Answer = { page: [configMap('a', '3'), configMap('b', '4')], resourceVersion: '10' }
  const { api } = streams.start([first, ...answers], [all], { labelSelector })
  return { streams, all, api, is: (...deltas: string[]) => streams.expectWaiting(all, deltas) }
}

const watch = (...lines: object[]): Answer => ({ watch: lines, end: 'hang' })
/** An object of another uid, made again under the same name. */
const again = (name: string, resourceVersion: string) => {
  const metadata = { name, namespace: 'shop', uid: `uid-${name}-2`, resourceVersion }
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata }
}
/** Ends what is told, so that nothing more can come unseen. */
const last = frame('ADDED', configMap('z', '99'))

row(21, async () => {
  const { is, api } = await told([
    { fails: { code: 410, reason: 'Expired' } },
    { page: [configMap('a', '3'), configMap('b', '14'), configMap('c', '15')], resourceVersion: '20' },
    watch(last),
  ])
  await is('Updated b', 'Added c', 'Added z')
  expect(api.requests.filter(({ query }) => query.watch === undefined)).toHaveLength(2)
})

row(22, async () => {
  const five = ['c', 'd', 'e', 'f', 'g'].map((name, i) => configMap(name, `${11 + i}`))
  const { is } = await told([
    { watch: [...five.map((object) => frame('ADDED', object)), errorFrame(410, 'Expired')] },
    { page: [configMap('a', '3'), ...five.slice(0, 4)], resourceVersion: '20' },
    watch(last),
  ])
  await is(
    'Deleted b unseen MissedWhileDisconnected',
    'Added c',
    'Added d',
    'Added e',
    'Added f',
    'Added g',
    'Deleted g unseen MissedWhileDisconnected',
    'Added z',
  )
})

row(35, async () => {
  const twice = frame('MODIFIED', configMap('a', '11'))
  await (await told([watch(twice, twice, last)])).is('Updated a', 'Added z')
})

row(36, async () => {
  const lines = [frame('MODIFIED', configMap('c', '11')), frame('ADDED', configMap('a', '12')), last]
  await (await told([watch(...lines)])).is('Updated a', 'Added c', 'Added z')
})

row(37, async () => {
  const lines = [frame('MODIFIED', configMap('a', '2')), frame('MODIFIED', configMap('b', '4')), last]
  await (await told([watch(...lines)])).is('Added z')
})

row(38, async () => {
  await (await told([watch(frame('DELETED', configMap('never', '11')), last)])).is('Added z')
})

row(39, async () => {
  const { streams, all, is } = await told([watch(frame('DELETED', configMap('a', '11', { data: { last: 'words' } })))])
  await is('Deleted a')
  const [entry] = await streams.entries(all)
  expect(entry).toMatchObject({ resourceVersion: '11' })
  expect(entry).not.toHaveProperty('finalStateUnknown')
  expect(await streams.object(entry!)).toMatchObject({ data: { last: 'words' } })
})

row(40, async () => {
  const { is } = await told([gone, { page: [configMap('a', '3')], resourceVersion: '20' }, watch(last)])
  await is('Deleted b unseen MissedWhileDisconnected', 'Added z')
})

row(41, async () => {
  const { is } = await told([
    gone,
    { page: [again('a', '15'), configMap('b', '4')], resourceVersion: '20' },
    watch(last),
  ])
  await is('Deleted a unseen Replaced', 'Added a', 'Added z')
})

row(42, async () => {
  await (await told([watch(frame('MODIFIED', again('a', '15')), last)])).is(
    'Deleted a unseen Replaced',
    'Added a',
    'Added z',
  )
})

row(43, async () => {
  const lines = [frame('DELETED', configMap('a', '11')), frame('ADDED', configMap('a', '12')), last]
  const { streams, all, is } = await told([watch(...lines)], 'app=web')
  await is('Deleted a DeletedOrDeselected', 'Added a', 'Added z')
  const ids = (await streams.entries(all)).map(({ id }) => id)
  expect(new Set(ids).size).toBe(3)
})

row(70, async () => {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const objects = Array.from({ length: 200 }, (_, i) => configMap(`o-${i}`, `${i + 1}`))
  const deleted = objects.map((_, i) => frame('DELETED', configMap(`o-${i}`, `${301 + i}`)))
  const { stream, api } = streams.start(
    [
      { page: objects, resourceVersion: '300' },
      { watch: deleted },
      { fails: { code: 410 } },
      { page: [], resourceVersion: '600' },
    ],
    [all],
    { namespace: 'shop' },
  )
  await expect.poll(() => stream.status).toMatchObject({ state: 'Live', objects: 0, resourceVersion: '600' })
  const entries = await streams.entries(all)
  expect(entries).toHaveLength(200)
  expect(entries.every(({ type, finalStateUnknown }) => type === 'Deleted' && !finalStateUnknown)).toBe(true)
  expect(api.requests.every(({ path }) => path === '/api/v1/namespaces/shop/configmaps')).toBe(true)
})

row(92, async () => {
  const metadata = {
    name: 'a',
    namespace: 'shop',
    uid: 'uid-a',
    resourceVersion: '11',
    deletionTimestamp: '2026-11-24T00:00:00Z',
  }
  const leaving = { kind: 'ConfigMap', apiVersion: 'v1', metadata }
  const lines = [
    frame('MODIFIED', leaving),
    frame('DELETED', { ...leaving, metadata: { ...metadata, resourceVersion: '12' } }),
  ]
  await (await told([watch(...lines)])).is('Updated a', 'Deleted a')
})

row(93, async () => {
  await (await told([watch(frame('ADDED', configMap('c', '11')), frame('DELETED', configMap('c', '12')))])).is(
    'Added c',
    'Deleted c',
  )
})
