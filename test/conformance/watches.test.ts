import { expect, vi } from 'vitest'
import { ApiFailure } from '../../watcher/connection.ts'
import { redisCorner } from '../support/redis.ts'
import { type Answer, bookmark, configMap, errorFrame, frame } from '../support/scripted-api.ts'
import { TestStreams } from '../support/streams.ts'
import { follow } from './follow.ts'
import { row } from './row.ts'

const added = (name: string, resourceVersion: string) => frame('ADDED', configMap(name, resourceVersion))
const socketError = (code: string) => Object.assign(new Error(code), { code })
const page = (resourceVersion: string, ...objects: object[]): Answer => ({ page: objects, resourceVersion })

row(15, async () => {
  const { told, asked } = await follow([{ watch: [added('a', '11')] }, { watch: [added('b', '12')] }], { from: '10' })
  expect(asked).toEqual(['watch 10', 'watch 11', 'watch 12'])
  expect(told.filter((one) => one !== 'Connected')).toEqual(['Apply a 11', 'Apply b 12'])
})

row(17, async () => {
  const { asked } = await follow([{ watch: [bookmark('900')], end: 'reset' }], { from: '10' })
  expect(asked).toEqual(['watch 10', 'watch 900'])
})

row(18, async () => {
  const lines = [bookmark('900'), bookmark('900'), bookmark('850')]
  const { asked, told } = await follow([{ watch: lines }], { from: '10' })
  expect(asked).toEqual(['watch 10', 'watch 900'])
  expect(told.filter((one) => one.startsWith('Apply') || one.startsWith('Delete'))).toEqual([])
})

row(19, async () => {
  const metadata = { resourceVersion: '900', creationTimestamp: null, annotations: { 'example.com/unknown': 'x' } }
  const full = frame('BOOKMARK', { kind: 'Pod', apiVersion: 'v1', metadata, spec: { containers: null }, status: {} })
  const { told, asked } = await follow([{ watch: [full] }], { from: '10' })
  expect(told).toEqual(['Connected', 'Bookmark 900', 'Connected'])
  expect(asked).toEqual(['watch 10', 'watch 900'])
})

row(20, async () => {
  const lines = Array.from({ length: 50 }, (_, i) => added(`o-${i}`, String(100 + i)))
  expect((await follow([{ watch: lines }], { from: '10' })).asked).toEqual(['watch 10', 'watch 149'])
})

row(23, async () => {
  for (const [code, reason, retryAfterSeconds] of [
    [500, 'InternalError', 0],
    [504, 'Timeout', 0],
    [429, 'TooManyRequests', 3],
  ] as const) {
    const lines = [added('a', '11'), errorFrame(code, reason, { retryAfterSeconds })]
    const { asked, waits } = await follow([{ watch: lines }], { from: '10' })
    expect(asked).toEqual(['watch 10', 'watch 11'])
    expect(waits[0]).toBeGreaterThanOrEqual(Math.max(800, retryAfterSeconds * 1_000))
  }
})

row(24, async () => {
  const busy: Answer = { fails: { code: 429, reason: 'TooManyRequests', retryAfterMs: 7_000 } }
  const watched = await follow([busy], { from: '10' })
  expect(watched.asked).toEqual(['watch 10', 'watch 10'])
  const listed = await follow([busy, page('10')])
  expect(listed.asked).toEqual(['list', 'list', 'watch 10'])
  for (const { waits } of [watched, listed]) expect(waits[0]).toBeGreaterThanOrEqual(7_000)
})

row(25, async () => {
  const message = 'storage is (re)initializing'
  const starting: Answer = { fails: { code: 429, reason: 'TooManyRequests', message, retryAfterMs: 1_000 } }
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const script = [
    page('10', configMap('a', '3')),
    starting,
    starting,
    { watch: [bookmark('11')], end: 'hang' as const },
  ]
  const { stream, api } = streams.start(script, [all])
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', objects: 1, resourceVersion: '11' }))
  expect(api.requests.map(({ query }) => query.resourceVersion)).toEqual([undefined, '10', '10', '10'])
  await streams.expectWaiting(all, [])
})

row(26, async () => {
  const refused = Array.from({ length: 8 }, (): Answer => ({ throws: socketError('ECONNREFUSED') }))
  const { asked, waits } = await follow(refused, { from: '10', random: Math.random })
  expect(new Set(asked)).toEqual(new Set(['watch 10']))
  waits.slice(0, 8).forEach((ms, i) => {
    const baseMs = Math.min(800 * 2 ** i, 30_000)
    expect(ms).toBeGreaterThanOrEqual(baseMs)
    expect(ms).toBeLessThanOrEqual(2 * baseMs)
  })
})

row(27, async () => {
  for (const code of ['ECONNRESET', 'ENOTFOUND', 'UND_ERR_SOCKET', 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'EPIPE']) {
    const script: Answer[] = [{ watch: [added('a', '11')], end: 'reset' }, { throws: socketError(code) }]
    expect((await follow(script, { from: '10' })).asked).toEqual(['watch 10', 'watch 11', 'watch 11'])
  }
})

row(28, async () => {
  const cut = `${JSON.stringify(added('a', '11'))}\n${JSON.stringify(added('b', '12')).slice(0, -5)}`
  const { told, asked } = await follow([{ watch: [cut] }], { from: '10' })
  expect(told.filter((one) => one.startsWith('Apply'))).toEqual(['Apply a 11'])
  expect(asked).toEqual(['watch 10', 'watch 11'])
})

row(29, async () => {
  const garbage: Answer = { watch: ['{"type":"ADDED","object":\n'] }
  const { told, asked } = await follow([garbage, garbage, garbage, page('20')], { from: '10' })
  expect(asked).toEqual(['watch 10', 'watch 10', 'watch 10', 'list', 'watch 20'])
  expect(told.filter((one) => one.startsWith('Apply'))).toEqual([])
})

row(30, async () => {
  const short: Answer = { watch: [] }
  const { asked } = await follow([short, short, short, page('20')], { from: '10' })
  expect(asked).toEqual(['watch 10', 'watch 10', 'watch 10', 'list', 'watch 20'])
})

row(31, async () => {
  const short: Answer = { watch: [] }
  const script = [short, short, short, page('20'), short, short, short, page('20'), short, short]
  const { asked, waits } = await follow(script, { from: '10' })
  expect(asked.filter((one) => one === 'list')).toHaveLength(2)
  const pauses = waits.slice(0, 8)
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
  expect(pauses.at(-1)).toBeGreaterThanOrEqual(30_000)
})

row(33, async () => {
  const labels = { 名前: '日本語', 'e\u2028\u2029': '😀\r"\\\u0000', é: 'ß' }
  const metadata = { name: '日本語-😀', namespace: 'shop', uid: 'uid-日', resourceVersion: '11', labels }
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata, data: { 'a\nb': 'line\r\nline' } }
  const { events } = await follow([{ watch: [frame('ADDED', object)], chunkBytes: 1 }], { from: '10' })
  const applied = events.flatMap((event) => (event.type === 'Apply' ? [event.object] : []))
  expect(applied).toMatchObject([{ name: '日本語-😀', uid: 'uid-日', resourceVersion: '11' }])
  expect(applied[0]!.bytes.toString('utf8')).toBe(JSON.stringify(object))
})

row(64, async () => {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const { stream, api } = streams.start(
    [
      page('10', configMap('a', '3')),
      { watch: [frame('MODIFIED', configMap('a', '20'))] },
      // a replica that is behind
      { watch: [frame('MODIFIED', configMap('a', '15'))] },
      { watch: [frame('MODIFIED', configMap('a', '21'))], end: 'hang' },
    ],
    [all],
  )
  await streams.expectWaiting(all, ['Updated a', 'Updated a'])
  expect((await streams.entries(all)).map(({ id }) => id)).toEqual(['uid-a.20', 'uid-a.21'])
  expect(stream.status.resourceVersion).toBe('21')
  expect(api.requests.filter(({ query }) => query.watch === undefined)).toHaveLength(1)
})

row(71, async () => {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const message =
    'configmaps is forbidden: User "u" cannot watch resource "configmaps" in API group "" at the cluster scope'
  const forbidden = new ApiFailure({ code: 403, reason: 'Forbidden', message })
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  const script: Answer[] = [
    page('10', configMap('a', '3')),
    { throws: forbidden },
    { watch: [added('b', '11')], end: 'hang' },
  ]
  const { stream, api } = streams.start(script, [all], {}, { sleep: () => given })
  await vi.waitFor(() =>
    expect(stream.status).toMatchObject({
      state: 'Blocked',
      reason: 'Forbidden',
      missing: { verbs: ['watch'], group: '', resource: 'configmaps', namespace: '' },
      objects: 1,
    }),
  )
  give()
  await streams.expectWaiting(all, ['Added b'])
  await vi.waitFor(() => expect(stream.status.state).toBe('Live'))
  expect(api.requests.filter(({ query }) => query.watch === undefined)).toHaveLength(1)
})

row(85, async () => {
  const never = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  const waiting: Answer[] = [page('10'), { fails: { code: 500 } }]
  const scripts: Answer[][] = [[page('10')], waiting]
  for (const script of scripts) {
    const streams = await TestStreams.open(redisCorner())
    const all = await streams.trigger('all')
    const { stream, api, stop } = streams.start(script, [all], {}, { sleep: (_, signal) => never(signal) })
    await vi.waitFor(() => expect(stream.status.state).toBe(script === waiting ? 'Retrying' : 'Live'))
    const startedAt = performance.now()
    await stop()
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    const asked = api.requests.length
    await new Promise((resolve) => setImmediate(resolve))
    expect(api.requests).toHaveLength(asked)
  }
})
