import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { CloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { cloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { eventBridgeLimits } from '../../../dispatcher/sinks/eventbridge.ts'
import type { Target } from '../../../dispatcher/target.ts'
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

test('the region is the one in the bus’s ARN when none is named', async () => {
  const { target } = await openBus({}, {}, { bus: 'arn:aws:events:us-west-2:123456789012:event-bus/k8z' })
  await expect(target.check(live)).rejects.toThrow(/does not exist in us-west-2/)
})

test('credentials that were refused are looked for anew: who writes new ones into their file is heard', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'credentials-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'credentials')
  const write = (id: string) => writeFile(file, `[default]\naws_access_key_id=${id}\naws_secret_access_key=secret\n`)
  await write('AKIDOLD')
  const { bus, target } = await openBus()
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file)
  bus.failNext({ kind: 'error', status: 400, code: 'ExpiredTokenException', message: 'expired' })
  const refused = { failure: 'target', error: { name: 'ExpiredTokenException' } }
  expect(await target.deliver([testDelivery()], live)).toMatchObject([refused])
  await write('AKIDNEW')
  expect(await target.deliver([testDelivery()], live)).toEqual([{ ok: true }])
  expect(bus.accessKeys).toEqual(['AKIDOLD', 'AKIDNEW'])
})

test('a clock that is off is put right with the next attempt, by the time that AWS tells', async () => {
  const { bus, target } = await openBus()
  const message = 'Signature expired: 20261124T050607Z is now earlier than 20261124T051107Z'
  bus.failNext({
    kind: 'error',
    status: 400,
    code: 'InvalidSignatureException',
    message,
    date: new Date('2026-11-24T08:00:00Z'),
  })
  expect(await target.deliver([testDelivery()], live)).toEqual([{ ok: true }])
  expect(bus.calls).toBe(2)
})

test('a throttled bus is sent to more slowly, and no other one', async () => {
  const one = await openBus()
  const other = await openBus()
  const send = (target: Target, batches: number) =>
    Promise.all(Array.from({ length: batches }, () => target.deliver([testDelivery()], live)))
  one.bus.failNext({ kind: 'throttle' }, 16)
  await send(one.target, 8)
  for (const { bus } of [one, other]) bus.failNext({ kind: 'slow', delayMs: 50 }, 16)
  await Promise.all([send(one.target, 16), send(other.target, 16)])
  expect(one.bus.most).toBeLessThanOrEqual(8)
  expect(other.bus.most).toBe(16)
})
