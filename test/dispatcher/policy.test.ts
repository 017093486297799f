import { describe, expect, test } from 'vitest'
import type { Entry } from '../../core/queue/entry.ts'
import { afterFailure, deliveryPolicy, problemOf } from '../../dispatcher/policy.ts'
import type { Claim } from '../../dispatcher/queue/queue.ts'

const problem = { name: 'Error', message: 'no' }
const claim = (more: Partial<Claim> = {}): Claim => ({
  object: 'o',
  number: '1',
  attempts: 0,
  failingForMs: 0,
  failedId: '',
  entries: [{ id: 'a' } as Entry, { id: 'b' } as Entry],
  ...more,
})
const fail = (policy: Parameters<typeof afterFailure>[0], held: Claim, failure: object = {}, elapsedMs = 0) =>
  afterFailure(policy, held, 0, { problem, ...failure }, elapsedMs, () => 0.5)

describe('how hard a trigger tries', () => {
  test('functions have a limit of attempts, sinks only one of age, and room for their batches', () => {
    expect(deliveryPolicy('function', {})).toEqual({
      attempts: 20,
      backoff: { initialMs: 1_000, maxMs: 300_000 },
      maxAgeMs: 86_400_000,
      timeoutMs: 20_000,
      concurrency: 16,
    })
    expect(deliveryPolicy('sink', {})).toMatchObject({ attempts: null, concurrency: 200 })
  })

  test('what the trigger says comes before the settings, field by field', () => {
    const general = { attempts: 5, timeoutSeconds: 3, backoff: { initialSeconds: 2, maxSeconds: 9 } }
    const own = { attempts: 7, backoff: { maxSeconds: 60 }, timeoutSeconds: undefined }
    expect(deliveryPolicy('sink', general, own)).toMatchObject({
      attempts: 7,
      timeoutMs: 3_000,
      backoff: { initialMs: 2_000, maxMs: 60_000 },
    })
  })

  test('a slow rate still lets one delivery through at a time', () => {
    expect(deliveryPolicy('function', { rate: { perSecond: 0.1 } }).rate).toEqual({ perSecond: 0.1, burst: 1 })
  })
})

describe('what a failure comes to', () => {
  const policy = deliveryPolicy('function', { attempts: 3, maxAgeSeconds: 60 })

  test('a pause that doubles, up to a limit, with half of it left to chance', () => {
    const delay = (attempts: number) => fail({ ...policy, attempts: null }, claim({ attempts, failedId: 'a' }))
    expect([0, 1, 2].map(delay)).toMatchObject([{ delayMs: 750 }, { delayMs: 1_500 }, { delayMs: 3_000 }])
    expect(delay(1_000)).toMatchObject({ what: 'park', delayMs: 225_000 })
  })

  test('no pause shorter than the failure asks for', () => {
    expect(fail(policy, claim(), { retryAfterMs: 9_000 })).toMatchObject({ what: 'park', delayMs: 9_000 })
  })

  test('a dead letter at the last attempt, and at the end of its age', () => {
    expect(fail(policy, claim({ attempts: 1, failedId: 'a' }))).toMatchObject({ what: 'park', attempts: 2 })
    expect(fail(policy, claim({ attempts: 2, failedId: 'a' }))).toMatchObject({ what: 'dead', attempts: 3 })
    const old = claim({ attempts: 1, failedId: 'a', failingForMs: 59_000 })
    expect(fail(policy, old, {}, 999)).toMatchObject({ what: 'park' })
    expect(fail(policy, old, {}, 1_000)).toMatchObject({ what: 'dead' })
  })

  test('the attempts of another delta of the object do not count', () => {
    expect(fail(policy, claim({ attempts: 2, failedId: 'before' }))).toMatchObject({ what: 'park', attempts: 1 })
  })
})

test('anything thrown is kept as name and message', () => {
  expect(problemOf(new RangeError('far'))).toMatchObject({ name: 'RangeError', message: 'far' })
  expect(problemOf('words')).toEqual({ name: 'Error', message: 'words' })
  expect(problemOf(undefined)).toEqual({ name: 'Error', message: 'undefined' })
})
