import { setTimeout as timer } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { redisCorner } from '../support/redis.ts'
import { type Answer, bookmark, configMap, errorFrame, frame } from '../support/scripted-api.ts'
import { TestStreams } from '../support/streams.ts'
import { row } from './row.ts'

const gone: Answer = { watch: [errorFrame(410, 'Expired')] }
const page = (resourceVersion: string, ...objects: object[]): Answer => ({ page: objects, resourceVersion })
const hang = (...lines: object[]): Answer => ({ watch: lines, end: 'hang' })

/** A stream that has told `Added c` and stands at 20, with a, b and c known, and whose process has ended. */
async function ended() {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const script = [page('10', configMap('a', '3'), configMap('b', '4')), hang(frame('ADDED', configMap('c', '20')))]
  const { stream, stop } = streams.start(script, [all])
  await streams.expectWaiting(all, ['Added c'])
  await vi.waitFor(() => expect(stream.status.resourceVersion).toBe('20'))
  await stop()
  return { streams, all }
}

row(54, async () => {
  const { streams, all } = await ended()
  streams.start(
    [gone, page('50', configMap('a', '3'), configMap('b', '4')), hang(frame('ADDED', configMap('z', '51')))],
    [all],
  )
  await streams.expectWaiting(all, ['Added c', 'Deleted c unseen MissedWhileDisconnected', 'Added z'])
})

row(56, async () => {
  const { streams, all } = await ended()
  const part: Answer = { page: [configMap('a', '3')], resourceVersion: '50', continue: 'more' }
  const second = streams.start(
    [gone, part, { fails: { code: 503 } }],
    [all],
    {},
    { sleep: (ms, signal) => (ms === 0 ? timer(1) : abort(signal)) },
  )
  await vi.waitFor(() => expect(second.api.requests.length).toBeGreaterThanOrEqual(3))
  await second.stop()
  await streams.expectWaiting(all, ['Added c'])
  const whole = page('60', configMap('a', '3'), configMap('b', '4'), configMap('c', '20'))
  const third = streams.start([gone, whole], [all])
  await vi.waitFor(() =>
    expect(third.stream.status).toMatchObject({ state: 'Live', objects: 3, resourceVersion: '60' }),
  )
  await streams.expectWaiting(all, ['Added c'])
})

row(57, async () => {
  const { streams, all } = await ended()
  const { stream, api } = streams.start([hang()], [all])
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', objects: 3, resourceVersion: '20' }))
  // the question where the server stands is answered beside the script
  expect(api.requests.map(({ query }) => `${query.watch} ${query.resourceVersion}`)).toEqual(['1 20'])
  await streams.expectWaiting(all, ['Added c'])
})

row(58, async () => {
  const { streams, all } = await ended()
  const now = page('90', configMap('a', '3'), configMap('b', '44'), configMap('d', '45'))
  const { api } = streams.start([gone, now, hang(frame('ADDED', configMap('z', '91')))], [all])
  await streams.expectWaiting(all, [
    'Updated b',
    'Added c',
    'Deleted c unseen MissedWhileDisconnected',
    'Added d',
    'Added z',
  ])
  expect(api.requests.filter(({ query }) => query.watch === undefined)).toHaveLength(1)
})

row(99, async () => {
  const { streams, all } = await ended()
  const second = streams.start([hang(...[100, 200, 300].map((at) => bookmark(String(at))))], [all])
  await vi.waitFor(() => expect(second.stream.status.resourceVersion).toBe('300'))
  await second.stop()
  const { api, stream } = streams.start([hang()], [all])
  await vi.waitFor(() => expect(stream.status.state).toBe('Live'))
  expect(api.requests[0]!.query).toMatchObject({ watch: '1', resourceVersion: '300' })
  await streams.expectWaiting(all, ['Added c'])
})

function abort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
