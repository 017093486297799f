import { expect, vi } from 'vitest'
import { WatchListSupport } from '../../watcher/watch-list-support.ts'
import { redisCorner } from '../support/redis.ts'
import { bookmark, configMap, errorFrame, frame, initialEventsEnd } from '../support/scripted-api.ts'
import { TestStreams } from '../support/streams.ts'
import { follow } from './follow.ts'
import { row } from './row.ts'

const added = (name: string, resourceVersion: string) => frame('ADDED', configMap(name, resourceVersion))
const gone = { watch: [errorFrame(410, 'Expired')] }

row(1, async () => {
  const { requests } = await follow([{ watch: [initialEventsEnd('9')] }], { streamed: true, random: Math.random })
  const { timeoutSeconds, ...rest } = requests[0]!.query
  expect(rest).toEqual({
    watch: '1',
    allowWatchBookmarks: 'true',
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
  })
  expect(Number(timeoutSeconds)).toBeGreaterThanOrEqual(300)
  expect(Number(timeoutSeconds)).toBeLessThanOrEqual(600)
})

row(2, async () => {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all', { from: 'existing' })
  const list = [added('c', '30'), added('a', '10'), added('b', '20')]
  const watchLists = new WatchListSupport()
  const part = { startsFor: all.id }
  const script = [{ watch: [...list, initialEventsEnd('50'), added('d', '51')], end: 'hang' as const }]
  const { api, stream } = streams.start(script, [all], part, { watchLists })
  await streams.expectWaiting(all, ['Added a initial', 'Added b initial', 'Added c initial', 'Added d'])
  expect(stream.status).toMatchObject({ state: 'Live', resourceVersion: '51' })
  expect(api.requests).toHaveLength(1)
})

row(3, async () => {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all', { from: 'existing' })
  const moved = [
    added('a', '10'),
    added('b', '20'),
    frame('MODIFIED', configMap('a', '31')),
    frame('DELETED', configMap('b', '32')),
  ]
  const script = [{ watch: [...moved, initialEventsEnd('50')], end: 'hang' as const }]
  const watchLists = new WatchListSupport()
  const { stream } = streams.start(script, [all], { startsFor: all.id }, { watchLists })
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', objects: 1, resourceVersion: '50' }))
  const ids = (await streams.entries(all)).map(({ type, id }) => `${type} ${id}`)
  expect(ids.filter((id) => id.includes('uid-a')).at(-1)).toContain('uid-a.31')
  expect(ids.filter((id) => id.includes('uid-b')).at(-1) ?? 'Deleted').toContain('Deleted')
})

row(4, async () => {
  const { told, asked, waits } = await follow(
    [{ watch: [added('a', '3')] }, { watch: [added('a', '3')] }, { page: [configMap('a', '3')], resourceVersion: '9' }],
    { streamed: true },
  )
  expect(asked).toEqual(['streamed list', 'streamed list', 'list', 'watch 9'])
  expect(told.filter((one) => one.startsWith('InitDone'))).toEqual(['InitDone 9'])
  expect(told.filter((one) => one.startsWith('Delete'))).toEqual([])
  expect(waits.every((ms) => ms > 0)).toBe(true)
})

row(6, async () => {
  const refusals = [
    { fails: { code: 422, reason: 'Invalid' } },
    { fails: { code: 400, reason: 'BadRequest' } },
    { watch: [errorFrame(500, 'InternalError', undefined, 'storage feature disabled')] },
  ]
  for (const refusal of refusals) {
    const { asked, waits } = await follow([refusal, { page: [], resourceVersion: '9' }], { streamed: true })
    expect(asked).toEqual(['streamed list', 'list', 'watch 9'])
    expect(waits).toEqual([])
  }
})

row(8, async () => {
  const { requests } = await follow([
    { page: [configMap('a', '3')], resourceVersion: '10', continue: 'more' },
    { page: [configMap('b', '7')], resourceVersion: '12' },
  ])
  expect(requests[0]!.query).toEqual({ limit: '500' })
  expect(requests[1]!.query).toEqual({ limit: '500', continue: 'more' })
  expect(requests[2]!.query).toMatchObject({ watch: '1', resourceVersion: '10' })
})

row(9, async () => {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const objects = [configMap('a', '3'), configMap('b', '4')]
  const { api, stream } = streams.start(
    [
      { page: objects, resourceVersion: '10' },
      gone,
      { page: [configMap('a', '3')], resourceVersion: '20', continue: 'more' },
      { fails: { code: 410, reason: 'Expired' } },
      { page: objects, resourceVersion: '21' },
    ],
    [all],
  )
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', objects: 2, resourceVersion: '21' }))
  expect(api.requests[4]!.query).toEqual({})
  await streams.expectWaiting(all, [])
})

row(12, async () => {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all', { from: 'existing' })
  const { kind, apiVersion, ...bare } = configMap('a', '3') as { kind: string; apiVersion: string }
  const { stream } = streams.start([{ page: [bare], resourceVersion: '10' }], [all], { startsFor: all.id })
  await streams.expectWaiting(all, ['Added a initial'])
  const [entry] = await streams.entries(all)
  expect(entry!.gvk).toBe(`${apiVersion}/${kind}`)
  expect(await streams.object(entry!)).toMatchObject({ kind, apiVersion })
  expect(stream.status.objects).toBe(1)
})

row(14, async () => {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const whole = JSON.stringify({
    kind: 'List',
    metadata: { resourceVersion: '20' },
    items: [configMap('a', '3'), configMap('b', '4')],
  })
  const { stream, api } = streams.start(
    [
      { page: [configMap('a', '3'), configMap('b', '4')], resourceVersion: '10' },
      gone,
      { body: whole.slice(0, whole.indexOf('uid-b')) },
      { fails: { code: 503, reason: 'ServiceUnavailable' } },
      { page: [configMap('a', '3'), configMap('b', '4')], resourceVersion: '30' },
      { watch: [bookmark('31')], end: 'hang' },
    ],
    [all],
  )
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', objects: 2, resourceVersion: '31' }))
  expect(api.requests.filter(({ query }) => query.watch === undefined)).toHaveLength(4)
  await streams.expectWaiting(all, [])
})
