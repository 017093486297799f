import { expect, test, vi } from 'vitest'
import type { CloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { cloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { eventBridgeLimits } from '../../../dispatcher/sinks/eventbridge.ts'
import { sinkSuite } from '../sink.suite.ts'
import { testDelivery } from '../target.suite.ts'
import { busTarget, openBus, stubAws } from './open-bus.ts'

const live = new AbortController().signal

sinkSuite('eventbridge', {
  async start() {
    const { bus, target } = await openBus()
    return {
      target,
      maxBytes: eventBridgeLimits.bytes,
      arrived: () => bus.events.map(({ detail }) => String(detail.id)),
      events: () => bus.events.map(({ detail }) => detail as unknown as CloudEvent),
      refuse: (index) => bus.failNext({ kind: 'entry', index, code: 'InternalFailure' }),
      breakDown: () => bus.failNext({ kind: 'error' }, 10),
      stall: () => bus.failNext({ kind: 'hang' }, 10),
      swallow: (requests) => bus.failNext({ kind: 'unanswered' }, requests),
      cut: (requests) => bus.failNext({ kind: 'reset' }, requests),
      delay: (delayMs) => bus.failNext({ kind: 'slow', delayMs }),
      async [Symbol.asyncDispose]() {},
    }
  },
  wrong: {
    'a bus that does not exist': [
      async () => (await openBus({}, {}, { bus: 'k8z' })).target,
      /event bus k8z does not exist in eu-west-1; create it or correct the name/,
    ],
    'an endpoint where nothing listens': [
      async () => {
        stubAws()
        return busTarget({ bus: 'k8s', endpoint: 'http://127.0.0.1:1' })
      },
      /could not be looked up/,
    ],
    'a region that nobody named': [
      async () => {
        const { target } = await openBus()
        vi.stubEnv('AWS_REGION', undefined)
        return target
      },
      /no region/i,
    ],
    'credentials that are not there': [
      async () => {
        const { target } = await openBus()
        vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
        return target
      },
      /CredentialsProviderError/,
    ],
    'credentials that have expired': [
      async () => {
        const { bus, target } = await openBus()
        const message = 'The security token included in the request is expired'
        bus.failNext({ kind: 'error', status: 400, code: 'ExpiredTokenException', message })
        return target
      },
      /ExpiredTokenException: The security token included in the request is expired/,
    ],
  },
})

test('an event is the structured CloudEvent, under a source and a detail type that rules match', async () => {
  const { bus, target } = await openBus()
  const delivery = testDelivery()
  expect(await target.deliver([delivery], live)).toEqual([{ ok: true }])
  expect(bus.events).toEqual([
    {
      bus: 'k8s',
      id: expect.any(String),
      source: 'dev.deltabridge',
      detailType: 'dev.deltabridge.object.added.v1',
      detail: cloudEvent(delivery),
      time: '2026-11-24T05:06:07Z',
      resources: [],
    },
  ])
})

test('the bus may be named by its ARN', async () => {
  const { bus, target } = await openBus({}, {}, { bus: 'arn:aws:events:eu-west-1:123456789012:event-bus/k8s' })
  await target.check(live)
  expect(await target.deliver([testDelivery()], live)).toEqual([{ ok: true }])
  expect(bus.count).toBe(1)
})

test('the check tells of a bus that does not exist, to which sending seems to work', async () => {
  const { bus, target } = await openBus({}, {}, { bus: 'k8z' })
  expect(await target.deliver([testDelivery()], live)).toEqual([{ ok: true }])
  expect([bus.count, bus.lost]).toEqual([0, 1])
  const error = { reason: 'NotFound', message: expect.stringMatching(/k8z does not exist in eu-west-1/) }
  await expect(target.check(live)).rejects.toMatchObject(error)
})

test('the check tells apart that it may not look', async () => {
  const { bus, target } = await openBus()
  bus.failNext({ kind: 'error', status: 400, code: 'AccessDeniedException', message: 'no' })
  await expect(target.check(live)).rejects.toMatchObject({ reason: 'Forbidden' })
})

test('the check ends when aborted', async () => {
  const { bus, target } = await openBus()
  bus.failNext({ kind: 'hang' }, 2)
  await expect(target.check(AbortSignal.timeout(100))).rejects.toMatchObject({ name: 'TimeoutError' })
}, 2_000)

test('without credentials the target fails, and no entry', async () => {
  const { bus } = await openBus()
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
  const target = busTarget({ bus: 'k8s', endpoint: bus.url })
  const failure = { failure: 'target', error: { name: 'CredentialsProviderError' } }
  expect(await target.deliver([testDelivery()], live)).toMatchObject([failure])
})

test('a connection that is refused is a failure of the target', async () => {
  stubAws()
  const target = busTarget({ bus: 'k8s', endpoint: 'http://127.0.0.1:1' })
  expect(await target.deliver([testDelivery()], live)).toMatchObject([{ ok: false, failure: 'target' }])
})
