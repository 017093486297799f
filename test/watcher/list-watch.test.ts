import { describe, expect, test } from 'vitest'
import { listWatch } from '../../watcher/list-watch.ts'
import type { Query } from '../../watcher/query.ts'
import type { WatchEvent } from '../../watcher/watch-event.ts'
import {
  type Answer,
  bookmark,
  configMap,
  errorFrame,
  frame,
  configMapQuery as query,
  ScriptedApi,
} from '../support/scripted-api.ts'

interface Run {
  from?: string
  query?: Partial<Query>
  random?: () => number
}

/** Reads until the script is used up and one more watch stands; answers what was told, what was asked, what was waited for. */
async function follow(script: readonly Answer[], { from, query: part, random = () => 0 }: Run = {}) {
  const api = new ScriptedApi(script)
  const stop = new AbortController()
  const waits: number[] = []
  const sleep = async (ms: number) => void waits.push(Math.round(ms))
  const told: string[] = []
  const options = { api, query: { ...query, ...part }, from, signal: stop.signal, random, sleep }
  for await (const events of listWatch(options)) {
    told.push(...events.map(short))
    // the watch after the last of the script hangs: all there is has been told
    if (api.requests.length > script.length) stop.abort()
  }
  return { told, requests: api.requests, waits, asked: api.requests.map(({ query: asked }) => asked) }
}

function short(event: WatchEvent): string {
  switch (event.type) {
    case 'InitApply':
    case 'Apply':
    case 'Delete':
      return `${event.type} ${event.object.name} ${event.object.resourceVersion}`
    case 'InitDone':
    case 'Bookmark':
      return `${event.type} ${event.resourceVersion}`
    case 'Failed':
      return `Failed ${event.failure.reason}`
    default:
      return event.type
  }
}

const positions = (asked: readonly Record<string, string>[]) =>
  asked.map((one) => (one.watch ? `watch ${one.resourceVersion}` : 'list'))

describe('the first time', () => {
  test('lists page by page, then watches from the resourceVersion of the first page', async () => {
    const { told, asked } = await follow([
      { page: [configMap('a', '3')], resourceVersion: '10', continue: 'more' },
      { page: [configMap('b', '7')], resourceVersion: '10' },
    ])
    expect(told).toEqual(['Init', 'InitApply a 3', 'InitApply b 7', 'InitDone 10', 'Connected'])
    expect(asked[0]).toEqual({ limit: '500' })
    expect(asked[1]).toEqual({ limit: '500', continue: 'more' })
    expect(asked[2]).toEqual({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: '10',
      timeoutSeconds: '300',
    })
  })

  test('a list whose history ends between two pages begins anew, all at once, and tells so', async () => {
    const { told, asked } = await follow([
      { page: [configMap('a', '3')], resourceVersion: '10', continue: 'more' },
      { fails: { code: 410, reason: 'Expired' } },
      { page: [configMap('b', '12')], resourceVersion: '20' },
    ])
    expect(told).toEqual(['Init', 'InitApply a 3', 'Init', 'InitApply b 12', 'InitDone 20', 'Connected'])
    expect(asked[2]).toEqual({})
  })

  test('a list that is refused is a failure, and is not asked for again at once', async () => {
    const refused: Answer = { fails: { code: 400, reason: 'BadRequest', message: 'field label not supported' } }
    const { told, waits } = await follow([refused, refused, { page: [], resourceVersion: '10' }])
    expect(told).toEqual(['Init', 'Failed BadRequest', 'Init', 'Failed BadRequest', 'Init', 'InitDone 10', 'Connected'])
    expect(waits).toEqual([60_000, 60_000])
  })

  test('the selectors and the namespace are the same on every request', async () => {
    const selectors = { labelSelector: 'app in (web),!old', fieldSelector: 'metadata.name!=x' }
    const { requests } = await follow(
      [
        { page: [], resourceVersion: '10', continue: 'more' },
        { page: [], resourceVersion: '10' },
      ],
      { query: { ...selectors, namespace: 'shop' } },
    )
    expect(requests).toHaveLength(3)
    for (const request of requests) {
      expect(request.path).toBe('/api/v1/namespaces/shop/configmaps')
      expect(request.query).toMatchObject(selectors)
    }
  })
})

describe('a watch that ends', () => {
  test('by itself goes on from the last event, without a list and without a failure', async () => {
    const { told, asked } = await follow(
      [{ watch: [frame('ADDED', configMap('a', '11')), frame('DELETED', configMap('a', '12'))] }],
      { from: '10' },
    )
    expect(told).toEqual(['Connected', 'Apply a 11', 'Delete a 12', 'Connected'])
    expect(positions(asked)).toEqual(['watch 10', 'watch 12'])
  })

  test('after a bookmark goes on from there, and no bookmark takes the position back', async () => {
    const { told, asked } = await follow(
      [{ watch: [bookmark('900'), bookmark('900'), bookmark('850')], end: 'reset' }],
      {
        from: '10',
      },
    )
    expect(told).toEqual([
      'Connected',
      'Bookmark 900',
      'Bookmark 900',
      'Bookmark 850',
      'Failed ConnectionReset',
      'Connected',
    ])
    expect(positions(asked)).toEqual(['watch 10', 'watch 900'])
  })

  test.each([
    ['a reset connection', { throws: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }, 'ConnectionReset'],
    ['a refused connection', { throws: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }, 'ConnectionRefused'],
    ['a name that is not found', { throws: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) }, 'NameNotFound'],
    ['401', { fails: { code: 401, reason: 'Unauthorized' } }, 'Unauthorized'],
    ['403', { fails: { code: 403, reason: 'Forbidden' } }, 'Forbidden'],
    ['404', { fails: { code: 404, reason: 'NotFound' } }, 'NotFound'],
    ['500', { fails: { code: 500, reason: 'InternalError' } }, 'InternalError'],
    ['504', { fails: { code: 504 } }, 'Timeout'],
    ['an ERROR 500 in the stream', { watch: [errorFrame(500, 'InternalError')] }, 'InternalError'],
  ] satisfies [string, Answer, string][])(
    'for %s is tried again from the same position, never listed',
    async (_, answer, reason) => {
      const { told, asked } = await follow([answer, answer], { from: '10' })
      expect(told.filter((one) => one.startsWith('Failed'))).toEqual([`Failed ${reason}`, `Failed ${reason}`])
      expect(positions(asked)).toEqual(['watch 10', 'watch 10', 'watch 10'])
    },
  )

  test.each([
    ['as an answer', { fails: { code: 410, reason: 'Expired' } }],
    [
      'in the stream, after events that did happen',
      { watch: [frame('ADDED', configMap('a', '11')), errorFrame(410, 'Expired')] },
    ],
  ] satisfies [string, Answer][])('because its history is gone lists at once: %s', async (_, answer) => {
    const { told, asked, waits } = await follow([answer, { page: [], resourceVersion: '50' }], { from: '10' })
    expect(positions(asked)).toEqual(['watch 10', 'list', 'watch 50'])
    expect(told.slice(-4)).toEqual(['Failed Expired', 'Init', 'InitDone 50', 'Connected'])
    expect(waits[0]).toBe(0)
    if ('watch' in answer) expect(told).toContain('Apply a 11')
  })

  test('in the middle of a line has not told that line', async () => {
    const cut = `${JSON.stringify(frame('ADDED', configMap('a', '11')))}\n{"type":"ADDED","object":{"kind":"Conf`
    const { told, asked } = await follow([{ watch: [cut] }], { from: '10' })
    expect(told).toEqual(['Connected', 'Apply a 11', 'Connected'])
    expect(positions(asked)).toEqual(['watch 10', 'watch 11'])
  })
})

describe('a watch that makes no sense', () => {
  test('a line that is no JSON is not passed over: what came before it counts, then the watch begins again there', async () => {
    const { told, asked } = await follow(
      [
        {
          watch: [
            frame('ADDED', configMap('a', '11')),
            '<html>bad gateway</html>\n',
            frame('ADDED', configMap('b', '12')),
          ],
        },
      ],
      { from: '10' },
    )
    expect(told).toEqual(['Connected', 'Apply a 11', 'Failed BadResponse', 'Connected'])
    expect(positions(asked)).toEqual(['watch 10', 'watch 11'])
  })

  test('three times at one position is met by a list', async () => {
    const bad: Answer = { watch: ['nonsense\n'] }
    const { asked } = await follow([bad, bad, bad, { page: [], resourceVersion: '50' }], { from: '10' })
    expect(positions(asked)).toEqual(['watch 10', 'watch 10', 'watch 10', 'list', 'watch 50'])
  })

  test('one that ends at once with nothing in it, as for a position too old to serve, is met by a list in the end', async () => {
    const empty: Answer = { watch: [] }
    const { told, asked, waits } = await follow([empty, empty, empty, { page: [], resourceVersion: '50' }], {
      from: '10',
    })
    expect(told.filter((one) => one.startsWith('Failed'))).toEqual(Array(3).fill('Failed VeryShortWatch'))
    expect(positions(asked)).toEqual(['watch 10', 'watch 10', 'watch 10', 'list', 'watch 50'])
    expect(waits).toEqual([800, 1600, 3200])
  })
})

describe('waiting', () => {
  test('doubles from 0.8 s to 30 s, each between one and two times that', async () => {
    const down: Answer = { throws: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }
    const least = await follow(Array(8).fill(down), { from: '10' })
    expect(least.waits).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
    const most = await follow(Array(8).fill(down), { from: '10', random: () => 0.999_999 })
    expect(most.waits).toEqual([1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
  })

  test('is never shorter than the server asks for', async () => {
    const { waits } = await follow(
      [
        { fails: { code: 429, reason: 'TooManyRequests', retryAfterMs: 7_000 } },
        { watch: [errorFrame(429, 'TooManyRequests', { retryAfterSeconds: 3 })] },
      ],
      { from: '10' },
    )
    expect(waits).toEqual([7_000, 3_000])
  })

  test('begins anew once something has arrived', async () => {
    const down: Answer = { throws: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }
    const { waits } = await follow([down, down, { watch: [bookmark('11')], end: 'reset' }, down], { from: '10' })
    expect(waits).toEqual([800, 1600, 800, 1600])
  })

  test('the server is asked to end a watch after 5 to 10 minutes, evenly spread', async () => {
    const seconds: number[] = []
    for (let n = 0; n < 1_000; n++) {
      const { asked } = await follow([], { from: '10', random: () => n / 1_000 })
      seconds.push(Number(asked[0]!.timeoutSeconds))
    }
    expect(Math.min(...seconds)).toBe(300)
    expect(Math.max(...seconds)).toBe(599)
    expect(new Set(seconds).size).toBe(300)
  })
})

test('a body of any chunks is read the same', async () => {
  const lines = [
    frame('ADDED', configMap('日本語', '11', { data: { emoji: '🐙\u2028' } })),
    frame('MODIFIED', configMap('b', '12')),
  ]
  for (const chunkBytes of [1, 2, 3, 5, 7, 64]) {
    const { told } = await follow([{ watch: lines, chunkBytes }], { from: '10' })
    expect(told).toEqual(['Connected', 'Apply 日本語 11', 'Apply b 12', 'Connected'])
  }
})

test.each([
  ['listing', undefined],
  ['watching', '1'],
])('it ends when it is told to while %s, and asks nothing more', async (_, from) => {
  const stop = new AbortController()
  const api = new ScriptedApi([{ page: [], resourceVersion: '1', continue: 'more' }])
  let told = 0
  for await (const events of listWatch({ api, query, from, signal: stop.signal })) {
    told += events.length
    stop.abort()
    if (told > 1) break
  }
  expect(api.requests.length).toBeLessThanOrEqual(1)
})

test('what can be listed and not watched is listed again and again', async () => {
  const refused = { fails: { code: 405, reason: 'MethodNotAllowed' } }
  const { told, waits, asked } = await follow([
    { page: [configMap('a', '1')], resourceVersion: '2' },
    refused,
    { page: [configMap('a', '1'), configMap('b', '3')], resourceVersion: '4' },
    refused,
    { page: [], resourceVersion: '5' },
  ])
  expect(positions(asked)).toEqual(['list', 'watch 2', 'list', 'watch 4', 'list', 'watch 5'])
  expect(told.filter((one) => one === 'Connected')).toHaveLength(3)
  expect(told.filter((one) => one.startsWith('Failed'))).toEqual([])
  expect(waits).toEqual([30_000, 30_000])
})
