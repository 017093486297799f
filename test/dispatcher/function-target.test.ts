import { expect, test, vi } from 'vitest'
import type { Context } from '../../core/context.ts'
import { PermanentError, TemporaryError } from '../../core/errors.ts'
import { type Log, silentLog } from '../../core/log.ts'
import type { Handler } from '../../core/on.ts'
import { functionTarget } from '../../dispatcher/function-target.ts'
import { targetSuite, testDelivery } from './target.suite.ts'

const live = new AbortController().signal

targetSuite('a function', async () => {
  const arrived: string[] = []
  let behave: () => unknown = () => {}
  const handler: Handler<{ id: string }> = (delta) => {
    arrived.push(delta.id)
    return behave()
  }
  const failing = () => {
    throw new Error('no')
  }
  return {
    target: functionTarget(() => handler as Handler<unknown>, silentLog),
    arrived: () => arrived,
    refuse: () => {
      behave = failing
    },
    breakDown: () => {
      behave = failing
    },
    stall: () => {
      behave = () => new Promise(() => {})
    },
    async [Symbol.asyncDispose]() {},
  }
})

const deliver = async (handler: Handler<never>, signal = live, attempt = 1) => {
  const target = functionTarget(() => handler as Handler<unknown>, silentLog)
  const [outcome] = await target.deliver([testDelivery(1, {}, { attempt })], signal)
  return outcome
}

test('returning is done; what is returned does not matter', async () => {
  expect(await deliver(() => 'whatever')).toEqual({ ok: true })
  expect(await deliver(async () => {})).toEqual({ ok: true })
})

test('throwing is a failure of the delta, with name, message and stack', async () => {
  const outcome = await deliver(() => {
    throw new RangeError('too many')
  })
  expect(outcome).toEqual({
    ok: false,
    failure: 'entry',
    error: { name: 'RangeError', message: 'too many', stack: expect.stringContaining('function-target.test') },
  })
})

test('anything may be thrown', async () => {
  expect(await deliver(() => Promise.reject('words'))).toMatchObject({ failure: 'entry', error: { message: 'words' } })
  expect(await deliver(() => Promise.reject(undefined))).toMatchObject({ failure: 'entry' })
})

test('a TemporaryError asks for time, a PermanentError for an end', async () => {
  const temporary = new TemporaryError('busy', { retryAfterSeconds: 90 })
  expect(await deliver(() => Promise.reject(temporary))).toMatchObject({ retryAfterMs: 90_000 })
  expect(await deliver(() => Promise.reject(new PermanentError('never')))).toMatchObject({ permanent: true })
})

test('a handler that never settles is given up after its time: that counts, and its late result is ignored', async () => {
  const late = Promise.withResolvers<void>()
  const outcome = await deliver(() => late.promise, AbortSignal.timeout(50))
  expect(outcome).toMatchObject({ ok: false, failure: 'entry', error: { name: 'TimeoutError' } })
  late.reject(new Error('too late'))
  await new Promise((resolve) => setImmediate(resolve))
})

test('a handler that minds its signal has timed out all the same, whatever it throws', async () => {
  const outcome = await deliver((_, { signal }) => {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new PermanentError('gave up'))))
  }, AbortSignal.timeout(50))
  expect(outcome).toMatchObject({ failure: 'entry', error: { name: 'TimeoutError' } })
  expect(outcome).not.toHaveProperty('permanent')
})

test('a shutdown is no failure of the delta', async () => {
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 20)
  expect(await deliver(() => new Promise(() => {}), stop.signal)).toMatchObject({ ok: false, failure: 'target' })
})

test('the context tells the attempt, the delivery and the trigger, and logs with cluster and object', async () => {
  const children: object[] = []
  const child = (fields: object) => {
    children.push(fields)
    return silentLog
  }
  const log = { ...silentLog, child } as unknown as Log
  let seen: Context | undefined
  const handler: Handler<unknown> = (_, context) => {
    seen = context
  }
  const delivery = testDelivery(1, {}, { attempt: 3, trigger: 'scaled' })
  await functionTarget(() => handler, log).deliver([delivery], live)
  expect(seen).toMatchObject({ attempt: 3, trigger: 'scaled', deliveryId: 'scaled/prod-eu/uid-1.42' })
  expect(seen?.signal.aborted).toBe(false)
  expect(children).toEqual([
    {
      cluster: 'prod-eu',
      gvk: 'apps/v1/Deployment',
      namespace: 'shop',
      name: 'web-1',
      trigger: 'scaled',
      deltaId: 'uid-1.42',
      attempt: 3,
    },
  ])
})

test('a reload takes effect with the next delivery; what runs is finished by the version it began with', async () => {
  const old = vi.fn(() => new Promise<void>((resolve) => setTimeout(resolve, 30)))
  const newer = vi.fn()
  let current: Handler<unknown> = old
  const target = functionTarget(() => current, silentLog)
  const running = target.deliver([testDelivery(1)], live)
  current = newer
  expect(await target.deliver([testDelivery(2)], live)).toEqual([{ ok: true }])
  expect(await running).toEqual([{ ok: true }])
  expect([old.mock.calls.length, newer.mock.calls.length]).toEqual([1, 1])
})
