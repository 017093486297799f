import { describe, expect, test, vi } from 'vitest'
import type { HttpSettings } from '../../../core/config/settings.ts'
import { type CloudEvent, cloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { type SinkUnderTest, sinkSuite, sizedDelivery } from '../sink.suite.ts'
import { testDelivery } from '../target.suite.ts'
import { hookTarget, openHook } from './open-hook.ts'
import { eventsOf, type Receiver } from './receiver.ts'

const live = new AbortController().signal
const ok = { ok: true }
const maxBytes = 100_000

async function start(settings: Partial<HttpSettings>): Promise<SinkUnderTest> {
  const { receiver, target } = await openHook({ maxBytes, ...settings }, { requestTimeoutMs: 2_000 })
  const times = (count: number, answer: object) => receiver.answer(...Array<object>(count).fill(answer))
  return {
    target,
    maxBytes,
    arrived: () => receiver.events.map(({ id }) => id),
    events: () => receiver.events.map((event) => JSON.parse(JSON.stringify(event)) as CloudEvent),
    refuse: (position) => refuse(receiver, position),
    breakDown: () => receiver.every(() => ({ status: 503 })),
    stall: () => receiver.every(() => ({})),
    swallow: (requests) => times(requests, { taken: true }),
    cut: (requests) => times(requests, { reset: true }),
    delay: (delayMs) => times(1, { status: 202, delayMs }),
    async [Symbol.asyncDispose]() {},
  }
}

/** A receiver that cannot read one event answers 400, and takes nothing of what came with it; later it can. */
function refuse(receiver: Receiver, position: number): void {
  let refused: string | undefined
  let alone = false
  receiver.every((received) => {
    const ids = eventsOf(received).map(({ id }) => id)
    refused ??= ids[position]
    if (refused === undefined || alone || !ids.includes(refused)) return { status: 202 }
    alone = ids.length === 1
    return { status: 400 }
  })
}

const wrong = {
  'a receiver that is not there': [
    async () => hookTarget({ url: 'http://127.0.0.1:1/in' }),
    /127.0.0.1:1\/in cannot be reached: connect ECONNREFUSED/,
  ],
  'a host that does not exist': [
    async () => hookTarget({ url: 'http://nowhere.invalid/in' }),
    /nowhere.invalid\/in cannot be reached/,
  ],
  'an address of this machine': [
    async () => (await openHook({ allowAddresses: [] })).target,
    /127.0.0.1 belongs to this machine .*add it to allowAddresses/,
  ],
  'signing keys that are none': [
    async () => hookTarget({ url: 'http://127.0.0.1/in', signingKeyFile: '/dev/null' }),
    /signingKeyFile \/dev\/null holds no key: write one key a line/,
  ],
} as const

describe.each(['binary', 'structured', 'batched'] as const)('in the mode %s', (mode) => {
  sinkSuite('http', { start: () => start({ mode, ...(mode === 'batched' && { batch: 10 }) }), wrong })

  test('an event is read by the CloudEvents SDK as what it is', async () => {
    const { receiver, target } = await openHook({ mode, headers: { authorization: 'Bearer x' } })
    const { initial, ...event } = cloudEvent(testDelivery())
    expect(await target.deliver([testDelivery()], live)).toEqual([ok])
    expect(receiver.events.map((read) => JSON.parse(JSON.stringify(read)))).toEqual([event])
    expect(receiver.requests[0]).toMatchObject({
      method: 'POST',
      headers: { authorization: 'Bearer x', 'user-agent': 'deltabridge' },
    })
  })
})

test('a batch is one request', async () => {
  const { receiver, target } = await openHook({ mode: 'batched', batch: 50 })
  expect(target.maxBatch).toBe(50)
  const batch = Array.from({ length: 50 }, (_, n) => testDelivery(n))
  expect(await target.deliver(batch, live)).toEqual(batch.map(() => ok))
  expect(receiver.requests).toHaveLength(1)
  expect(receiver.requests[0]?.headers['content-type']).toMatch(/^application\/cloudevents-batch\+json/)
})

describe('an answer', () => {
  const cases: [number, object][] = [
    [200, ok],
    [204, ok],
    [302, { failure: 'target', error: { message: expect.stringMatching(/redirects are not followed/) } }],
    [400, { failure: 'entry' }],
    [401, { failure: 'target' }],
    [404, { failure: 'target' }],
    [408, { failure: 'target' }],
    [409, { failure: 'entry' }],
    [415, { failure: 'entry', permanent: true }],
    [422, { failure: 'entry' }],
    [500, { failure: 'target' }],
    [503, { failure: 'target' }],
  ]

  test.each(cases)('%i is this, told with what the receiver said', async (status, outcome) => {
    const { receiver, target } = await openHook()
    const location = 'https://example.org/elsewhere'
    receiver.answer({
      status,
      ...(status === 302 && { headers: { location } }),
      ...(status !== 204 && { body: 'because' }),
    })
    const [told] = await target.deliver([testDelivery()], live)
    expect(told).toMatchObject(outcome)
    if (status >= 400) expect(told).toMatchObject({ error: { message: `${receiver.url} answers ${status}: because` } })
    if (told && !('permanent' in outcome)) expect(told).not.toHaveProperty('permanent')
    expect(receiver.requests).toHaveLength(1)
  })

  test('429 and 503 are not tried again before their Retry-After, in seconds or as a date', async () => {
    const { receiver, target } = await openHook()
    const soon = new Date(Date.now() + 60_000).toUTCString()
    receiver.answer({ status: 429, headers: { 'retry-after': '7' } }, { status: 503, headers: { 'retry-after': soon } })
    expect(await target.deliver([testDelivery()], live)).toMatchObject([{ failure: 'target', retryAfterMs: 7_000 }])
    const [later] = await target.deliver([testDelivery()], live)
    expect(later).toMatchObject({ failure: 'target', retryAfterMs: expect.any(Number) })
    expect((later as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(50_000)
  })

  test('413 makes the event smaller, step by step', async () => {
    const { receiver, target } = await openHook()
    receiver.every(({ body }) => ({ status: body.length > 5_000 ? 413 : 200 }))
    expect(await target.deliver([sizedDelivery(1, 1_000, 9_000)], live)).toEqual([ok])
    expect(receiver.events[0]?.data).toMatchObject({ oldOmitted: true, object: { data: expect.any(String) } })
  })

  test('410 disables: it is told, and the receiver’s own words with it', async () => {
    const onGone = vi.fn()
    const { receiver, target } = await openHook({}, { onGone })
    receiver.answer({ status: 410 })
    const [outcome] = await target.deliver([testDelivery()], live)
    expect(outcome).toMatchObject({ failure: 'target', error: { name: 'Gone' } })
    expect(onGone).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/410 Gone: it wants no more events/))
  })
})

test('a receiver that does not answer in time may have what was sent: an attempt is counted', async () => {
  const { receiver, target } = await openHook({}, { requestTimeoutMs: 100 })
  receiver.answer({})
  const [outcome] = await target.deliver([testDelivery()], live)
  expect(outcome).toMatchObject({ failure: 'entry', error: { name: 'HeadersTimeoutError' } })
})

describe('leave to send', () => {
  const origin = 'deltabridge.example.org'

  test('is asked for when an origin is configured, and every request names it', async () => {
    const { receiver, target } = await openHook({ origin })
    receiver.answer({ status: 200, headers: { 'webhook-allowed-origin': origin } })
    await target.check(live)
    await target.deliver([testDelivery()], live)
    expect(receiver.requests.map(({ method }) => method)).toEqual(['OPTIONS', 'POST'])
    for (const { headers } of receiver.requests) expect(headers['webhook-request-origin']).toBe(origin)
  })

  test.each([
    ['another origin', { status: 200, headers: { 'webhook-allowed-origin': 'example.com' } }],
    ['no origin', { status: 200 }],
    ['a refusal', { status: 405, headers: { 'webhook-allowed-origin': '*' } }],
  ])('is not given by %s', async (_, answer) => {
    const { receiver, target } = await openHook({ origin })
    receiver.answer(answer)
    const message = expect.stringMatching(/does not allow deltabridge.example.org to send/)
    await expect(target.check(live)).rejects.toMatchObject({ reason: 'Misconfigured', message })
  })

  test('may come with a rate, which is told', async () => {
    const warn = vi.fn()
    const { receiver, target } = await openHook({ origin }, { log: { warn } })
    const headers = { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '120' }
    receiver.answer({ status: 200, headers })
    await target.check(live)
    expect(warn).toHaveBeenCalledExactlyOnceWith({ perMinute: '120' }, expect.stringMatching(/delivery.rate/))
  })
})
