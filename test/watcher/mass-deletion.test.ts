import { expect, test, vi } from 'vitest'
import { redisCorner } from '../support/redis.ts'
import { type Answer, configMap, errorFrame } from '../support/scripted-api.ts'
import { TestStreams } from '../support/streams.ts'

const gone: Answer = { watch: [errorFrame(410, 'Expired')] }
const list = (resourceVersion: string, ...page: object[]): Answer => ({ page, resourceVersion })
const objects = (count: number) => Array.from({ length: count }, (_, i) => configMap(`o-${i}`, `${i + 1}`))
const named = (...page: object[]): Answer => list('600', ...page)
const absent = named()

async function open(script: readonly Answer[], part = {}) {
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const waits: number[] = []
  const sleep = async (ms: number) => {
    waits.push(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { stream, api } = streams.start(script, [all], part, { sleep })
  return { streams, all, stream, api, waits }
}

test('an empty answer where there were hundreds of objects deletes nothing as long as one of them is still there', async () => {
  const there = named(configMap('o-50', '51'))
  const lies = [list('600'), absent, there]
  // broken for longer than one try
  const script = [list('500', ...objects(500)), gone, ...lies, gone, ...lies, gone, list('700', ...objects(499))]
  const { streams, all, stream, api, waits } = await open(script)
  await streams.expectWaiting(all, ['Deleted o-499 unseen MissedWhileDisconnected'])
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', objects: 499 }))
  expect(waits.filter((ms) => ms >= 15_000)).toHaveLength(2)
  expect(api.requests.map(({ query }) => query.fieldSelector).filter(Boolean)).toEqual([
    'metadata.name=o-0',
    'metadata.name=o-50',
    'metadata.name=o-0',
    'metadata.name=o-50',
  ])
})

test('while a list is not believed the stream is Suspicious, and says what it found', async () => {
  const never = new Promise<void>(() => {})
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const script = [list('500', ...objects(500)), gone, list('600'), named(configMap('o-0', '1'))]
  const sleep = (ms: number, signal: AbortSignal) =>
    ms < 15_000
      ? Promise.resolve()
      : Promise.race([never, new Promise<void>((end) => signal.addEventListener('abort', () => end()))])
  const { stream } = streams.start(script, [all], {}, { sleep })
  await vi.waitFor(() => expect(stream.status.state).toBe('Suspicious'))
  expect(stream.status).toMatchObject({
    reason: 'MassDeletion',
    message:
      'a list lacks 500 of 500 known objects, but shop/o-0, asked for by name, is still there; nothing is deleted',
  })
  expect(await streams.entries(all)).toEqual([])
})

test('when ten of them, asked for by name, are not there either, all are told as Deleted', async () => {
  const asked = Array<Answer>(10).fill(absent)
  asked[3] = { fails: { code: 404, reason: 'NotFound' } }
  const another = {
    ...configMap('o-100', '550'),
    metadata: { name: 'o-100', namespace: 'shop', uid: 'new', resourceVersion: '550' },
  }
  asked[2] = named(another)
  const { streams, all, api } = await open([list('500', ...objects(500)), gone, list('600'), ...asked])
  await vi.waitFor(async () => expect(await streams.entries(all)).toHaveLength(500))
  const paths = new Set(api.requests.filter(({ query }) => query.fieldSelector).map(({ path }) => path))
  expect([...paths]).toEqual(['/api/v1/namespaces/shop/configmaps'])
})

test('an object that only left the selector is no reason for doubt', async () => {
  const there = (i: number) => [named(configMap(`o-${i * 20}`, '1')), absent]
  const asked = Array.from({ length: 10 }, (_, i) => there(i)).flat()
  const part = { labelSelector: 'app=web' }
  const { streams, all, api } = await open([list('500', ...objects(200)), gone, list('600'), ...asked], part)
  await vi.waitFor(async () => expect(await streams.entries(all)).toHaveLength(200))
  const [first, second] = api.requests.filter(({ query }) => query.fieldSelector)
  expect(first?.query).toEqual({ fieldSelector: 'metadata.name=o-0' })
  expect(second?.query).toEqual({ fieldSelector: 'metadata.name=o-0', labelSelector: 'app=web' })
})

test('whoever gives no answer when asked by name bears nothing out', async () => {
  const failing: Answer = { fails: { code: 503, reason: 'ServiceUnavailable' } }
  const script = [list('500', ...objects(500)), gone, list('600'), failing, gone, list('700', ...objects(500))]
  const { streams, all, stream } = await open(script)
  await vi.waitFor(() => expect(stream.status).toMatchObject({ state: 'Live', resourceVersion: '700' }))
  expect(await streams.entries(all)).toEqual([])
})

test('a hundred objects, or less than a third, may go without a question', async () => {
  const { streams, all } = await open([list('500', ...objects(100)), gone, list('600')])
  await vi.waitFor(async () => expect(await streams.entries(all)).toHaveLength(100))
  const many = await open([list('500', ...objects(1_000)), gone, list('600', ...objects(701))])
  await vi.waitFor(async () => expect(await many.streams.entries(many.all)).toHaveLength(299))
})

test('a request that is refused for what it is makes the stream Invalid, names who asked for it, and is made again every minute', async () => {
  const refused: Answer = {
    fails: { code: 400, reason: 'BadRequest', message: 'field label not supported: spec.nothing' },
  }
  const script = [refused, refused, list('500')]
  const { stream, waits, streams, all } = await open(script, { fieldSelector: 'spec.nothing=1' })
  await vi.waitFor(() => expect(stream.status.state).toBe('Live'))
  expect(waits.slice(0, 2)).toEqual([60_000, 60_000])
  expect(await streams.entries(all)).toEqual([])
})

test('what makes a stream Invalid is told', async () => {
  const refused: Answer = { fails: { code: 400, message: 'field label not supported: spec.nothing' } }
  const streams = await TestStreams.open(redisCorner())
  const all = await streams.trigger('all')
  const sleep = (_: number, signal: AbortSignal) =>
    new Promise<void>((end) => signal.addEventListener('abort', () => end()))
  const { stream } = streams.start([refused], [all], { fieldSelector: 'spec.nothing=1' }, { sleep })
  await vi.waitFor(() => expect(stream.status.state).toBe('Invalid'))
  expect(stream.status).toMatchObject({
    reason: 'BadRequest',
    message: 'field label not supported: spec.nothing; asked for by all',
  })
})
