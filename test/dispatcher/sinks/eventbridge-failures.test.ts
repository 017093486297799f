import { describe, expect, test } from 'vitest'
import { callError } from '../../../dispatcher/sinks/eventbridge-failure.ts'
import { outcomeOfRequest } from '../../../dispatcher/sinks/outcome.ts'
import type { Fault } from '../../../infra/playground/bus.ts'
import { testDelivery } from '../target.suite.ts'
import { openBus } from './open-bus.ts'

const live = new AbortController().signal
const three = [1, 2, 3].map((n) => testDelivery(n))

describe('a failed entry', () => {
  const cases: [string, object][] = [
    ['InternalFailure', { failure: 'entry' }],
    ['ServiceUnavailable', { failure: 'entry' }],
    ['SomethingNew', { failure: 'entry' }],
    ['InvalidArgument', { failure: 'entry', permanent: true }],
    ['MalformedDetail', { failure: 'entry', permanent: true }],
    ['RedactionFailure', { failure: 'entry', permanent: true }],
    ['ThrottlingException', { failure: 'target' }],
    ['AccessDeniedException', { failure: 'target' }],
    ['NotAuthorizedForSourceException', { failure: 'target' }],
    ['NotAuthorizedForDetailTypeException', { failure: 'target' }],
    ['InvalidAccountIdException', { failure: 'target' }],
  ]

  test.each(cases)('with %s is this, and the others arrived', async (code, failure) => {
    const { bus, target } = await openBus()
    bus.failNext({ kind: 'entry', index: 1, code, message: 'because' })
    const outcome = { ok: false, ...failure, error: { name: code, message: 'because' } }
    expect(await target.deliver(three, live)).toEqual([{ ok: true }, outcome, { ok: true }])
    expect(bus.events.map(({ detail }) => detail.name)).toEqual(['web-1', 'web-3'])
  })

  test('because of the bus it names is a failure of the target', async () => {
    const { bus, target } = await openBus()
    const message = 'Parameter EventBusName is not valid. Reason: Provided Arn is not in correct format.'
    bus.failNext({ kind: 'entry', index: 0, code: 'InvalidArgument', message })
    const [outcome] = await target.deliver(three, live)
    expect(outcome).toMatchObject({ failure: 'target', error: { message } })
    expect(outcome).not.toHaveProperty('permanent')
  })
})

describe('a failed call', () => {
  const cases: [string, Fault, string][] = [
    ['throttled', { kind: 'throttle' }, 'ThrottlingException'],
    ['with an error of the server', { kind: 'error' }, 'InternalException'],
    ['cut off', { kind: 'reset' }, 'TimeoutError'],
    [
      'refused for its signature',
      { kind: 'error', status: 403, code: 'UnrecognizedClientException' },
      'UnrecognizedClientException',
    ],
    [
      'refused for an expired token',
      { kind: 'error', status: 400, code: 'ExpiredTokenException' },
      'ExpiredTokenException',
    ],
  ]

  test.each(cases)('%s is the target’s failure, for every delivery', async (_, fault, name) => {
    const { bus, target } = await openBus()
    bus.failNext(fault, 2)
    const failure = { ok: false, failure: 'target', error: { name } }
    expect(await target.deliver(three, live)).toMatchObject([failure, failure, failure])
    expect(bus.count).toBe(0)
  })

  test.each(cases.slice(0, 3))('%s once is tried again at once', async (_, fault) => {
    const { bus, target } = await openBus()
    bus.failNext(fault)
    expect(await target.deliver(three, live)).toEqual(three.map(() => ({ ok: true })))
    expect(bus.calls).toBe(2)
  })

  test('that is never answered counts for every delivery that was in it', async () => {
    const { bus, target } = await openBus({}, { requestTimeoutMs: 200 })
    bus.failNext({ kind: 'hang' }, 2)
    const failure = { ok: false, failure: 'entry', error: { name: 'TimeoutError' } }
    const outcomes = await target.deliver(three, live)
    expect(outcomes).toMatchObject([failure, failure, failure])
    for (const outcome of outcomes) expect(outcome).not.toHaveProperty('permanent')
  })

  test('that ends by the caller’s deadline counts, by shutdown it does not', async () => {
    const { bus, target } = await openBus()
    bus.failNext({ kind: 'hang' }, 2)
    const [late] = await target.deliver(three, AbortSignal.timeout(50))
    expect(late).toMatchObject({ failure: 'entry', error: { name: 'TimeoutError' } })
    const [shut] = await target.deliver(three, AbortSignal.any([AbortSignal.abort()]))
    expect(shut).toMatchObject({ failure: 'target', error: { name: 'AbortError' } })
  })

  test('for one invalid entry finds that one out', async () => {
    const { bus, target } = await openBus()
    const fault: Fault = { kind: 'error', status: 400, code: 'ValidationException', message: 'nested too deeply' }
    bus.failNext(fault, 2) // The call of all three, and the first of them alone.
    const outcomes = await target.deliver(three, live)
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(2)
    expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ failure: 'entry', error: { message: 'nested too deeply' } })
  })
})

describe('of what a call throws', () => {
  const thrown = (fields: object) => Object.assign(new Error('x'), fields)

  test.each([
    ['the SDK’s own connection timeout', thrown({ name: 'TimeoutError' })],
    ['a connect that the kernel gave up', thrown({ name: 'TimeoutError', code: 'ETIMEDOUT', syscall: 'connect' })],
    ['a connect to several addresses', thrown({ name: 'TimeoutError', code: 'ETIMEDOUT', errors: [] })],
    ['an unknown host', thrown({ code: 'ENOTFOUND' })],
    ['a bad gateway', thrown({ name: 'SyntaxError', $metadata: { httpStatusCode: 502 } })],
    ['something that is no error', 'oops'],
  ])('%s is the target’s failure', (_, error) => {
    expect(outcomeOfRequest(callError(error)).failure).toBe('target')
  })

  test('a Retry-After is handed on', () => {
    const error = thrown({ name: 'ThrottlingException', $response: { headers: { 'retry-after': '7' } } })
    expect(outcomeOfRequest(callError(error))).toMatchObject({ failure: 'target', retryAfterMs: 7000 })
  })
})
