import { afterEach, describe, expect, test, vi } from 'vitest'
import { listWatch } from '../../watcher/list-watch.ts'
import type { Query } from '../../watcher/query.ts'
import type { WatchEvent } from '../../watcher/watch-event.ts'
import { WatchListSupport } from '../../watcher/watch-list-support.ts'
import {
  type Answer,
  bookmark,
  configMap,
  configMapQuery,
  errorFrame,
  frame,
  initialEventsEnd,
  ScriptedApi,
} from '../support/scripted-api.ts'

const query: Query = { ...configMapQuery, labelSelector: 'app=web' }

afterEach(() => vi.useRealTimers())

/** Reads until the script is used up and one more request stands. */
async function follow(
  script: readonly Answer[],
  { from, watchLists = new WatchListSupport() }: Partial<Parameters<typeof listWatch>[0]> = {},
) {
  const api = new ScriptedApi(script)
  const stop = new AbortController()
  const waits: number[] = []
  const told: string[] = []
  const sleep = async (ms: number) => {
    waits.push(Math.round(ms))
    if (api.requests.length > script.length) stop.abort()
  }
  for await (const events of listWatch({ api, query, from, signal: stop.signal, random: () => 0, sleep, watchLists })) {
    told.push(...events.map(short))
    if (api.requests.length > script.length) stop.abort()
  }
  const asked = api.requests.map(({ query: one }) =>
    one.sendInitialEvents ? 'stream' : one.watch ? `watch ${one.resourceVersion}` : 'list',
  )
  return { told, asked, waits, watchLists, requests: api.requests }
}

function short(event: WatchEvent): string {
  if ('object' in event) return `${event.type} ${event.object.name} ${event.object.resourceVersion}`
  if ('resourceVersion' in event) return `${event.type} ${event.resourceVersion}`
  return event.type === 'Failed' ? `Failed ${event.failure.reason}` : event.type
}

const page: Answer = { page: [configMap('a', '3')], resourceVersion: '10' }

describe('a list as a stream', () => {
  test('is one request: the newest state, with its end announced, and the selectors of every other request', async () => {
    const { requests } = await follow([])
    expect(requests[0]).toEqual({
      path: '/api/v1/configmaps',
      query: {
        watch: '1',
        sendInitialEvents: 'true',
        resourceVersionMatch: 'NotOlderThan',
        allowWatchBookmarks: 'true',
        timeoutSeconds: '300',
        labelSelector: 'app=web',
      },
    })
  })

  test('is complete only with the annotated bookmark, whatever the order of its objects, and goes on as the watch', async () => {
    const { told, asked } = await follow([
      {
        watch: [
          frame('ADDED', configMap('c', '30')),
          frame('ADDED', configMap('a', '9')),
          bookmark('40'),
          frame('ADDED', configMap('b', '12')),
          initialEventsEnd('50'),
          frame('MODIFIED', configMap('a', '51')),
        ],
      },
    ])
    const list = ['Init', 'InitApply c 30', 'InitApply a 9', 'InitApply b 12', 'InitDone 50', 'Connected']
    expect(told).toEqual([...list, 'Apply a 51', 'Connected'])
    expect(asked).toEqual(['stream', 'watch 51'])
  })

  test('tells what happens to its objects before it is complete, without a position of its own', async () => {
    const { told, asked } = await follow([
      {
        watch: [
          frame('ADDED', configMap('a', '9')),
          frame('MODIFIED', configMap('a', '41')),
          frame('DELETED', configMap('a', '42')),
          initialEventsEnd('42'),
        ],
      },
    ])
    expect(told.slice(1, 5)).toEqual(['InitApply a 9', 'InitApply a 41', 'Delete a 42', 'InitDone 42'])
    expect(asked).toEqual(['stream', 'watch 42'])
  })

  test('that ends before it is complete deletes nothing, is tried again, and after two tries comes in pages', async () => {
    const cut: Answer = { watch: [frame('ADDED', configMap('a', '9'))] }
    const { told, asked, waits } = await follow([cut, cut, page])
    expect(asked).toEqual(['stream', 'stream', 'list', 'watch 10'])
    expect(told.filter((one) => one === 'InitDone 10')).toHaveLength(1)
    expect(waits.slice(0, 2)).toEqual([800, 1600])
  })

  test.each([
    ['422', { fails: { code: 422, reason: 'Invalid', message: 'sendInitialEvents is forbidden for watch' } }],
    ['400', { fails: { code: 400, reason: 'BadRequest' } }],
    ['405', { fails: { code: 405, reason: 'MethodNotAllowed' } }],
    [
      'an ERROR 500 about etcd',
      { watch: [errorFrame(500, 'InternalError', undefined, 'storage feature is disabled')] },
    ],
  ] satisfies [string, Answer][])(
    'is refused by %s: pages at once, and no further question for an hour',
    async (_, refusal) => {
      vi.useFakeTimers({ toFake: ['performance'] })
      const { asked, waits, watchLists } = await follow([refusal, page])
      expect(asked).toEqual(['stream', 'list', 'watch 10'])
      expect(waits).toEqual([])
      expect(watchLists!.tries('/api/v1/configmaps')).toBe(false)
      expect(watchLists!.tries('/api/v1/pods')).toBe(true)
      vi.advanceTimersByTime(3_600_001)
      expect(watchLists!.tries('/api/v1/configmaps')).toBe(true)
    },
  )

  test('whose end is never announced is given up 30 s after its last object, plain bookmarks or not', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const stalled: Answer = { watch: [frame('ADDED', configMap('a', '9')), bookmark('40')], end: 'hang' }
    const following = follow([stalled, page])
    await vi.advanceTimersByTimeAsync(29_000)
    await vi.advanceTimersByTimeAsync(2_000)
    const { asked, watchLists } = await following
    expect(asked).toEqual(['stream', 'list', 'watch 10'])
    expect(watchLists!.tries('/api/v1/configmaps')).toBe(false)
  })

  test('after history is gone the next list is a stream again', async () => {
    const { asked } = await follow([{ watch: [errorFrame(410, 'Expired')] }, { watch: [initialEventsEnd('60')] }], {
      from: '10',
    })
    expect(asked).toEqual(['watch 10', 'stream', 'watch 60'])
  })
})

describe('a watch that falls silent', () => {
  test('after a bookmark is given up in 150 s, and begins again where it was', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const following = follow([{ watch: [bookmark('40')], end: 'hang' }], { from: '10' })
    await vi.advanceTimersByTimeAsync(149_000)
    await vi.advanceTimersByTimeAsync(2_000)
    expect((await following).asked).toEqual(['watch 10', 'watch 40'])
  })

  test('before any bookmark is given up 30 s after the time it was asked for', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const following = follow([{ watch: [], end: 'hang' }], { from: '10' })
    await vi.advanceTimersByTimeAsync(329_000)
    await vi.advanceTimersByTimeAsync(2_000)
    expect((await following).asked).toEqual(['watch 10', 'watch 10'])
  })
})
