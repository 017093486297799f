import { on, PermanentError, TemporaryError } from 'deltabridge'
import { run, testContext, testDelta } from 'deltabridge/testing'
import { describe, expect, test, vi } from 'vitest'

const scaled = on('apps/v1/Deployment', { changed: ['spec.replicas'], namespaces: ['shop'] }, (delta, { log }) => {
  log.info({ from: delta.old.spec?.replicas, to: delta.object.spec?.replicas }, 'scaled')
})

const shop = { metadata: { name: 'web', namespace: 'shop' } }
const update = (from: number, to: number) =>
  testDelta('apps/v1/Deployment', {
    type: 'Updated',
    old: { spec: { replicas: from } },
    object: { ...shop, spec: { replicas: to } },
  })

describe('a delta for a test', () => {
  test('is whole, though only the interesting part of it was written', () => {
    expect(update(1, 3)).toMatchObject({
      type: 'Updated',
      gvk: 'apps/v1/Deployment',
      name: 'web',
      namespace: 'shop',
      object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 3 } },
      old: { metadata: { name: 'web' }, spec: { replicas: 1 } },
      changed: ['spec.replicas'],
    })
  })

  test('is an Added of the whole cluster when nothing is said', () => {
    const delta = testDelta('v1/Node')
    expect(delta).toMatchObject({ type: 'Added', object: { apiVersion: 'v1', kind: 'Node' } })
    expect(delta).not.toHaveProperty('namespace')
  })
})

describe('running a function', () => {
  test('gives it the context of the test, and is done when it returns', async () => {
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
    expect(await run(scaled, update(1, 3), testContext({ log }))).toEqual({ outcome: 'done' })
    expect(log.info).toHaveBeenCalledWith({ from: 1, to: 3 }, 'scaled')
  })

  test('tells which condition refused the delta, and does not call the handler', async () => {
    const handler = vi.fn()
    const fn = on('v1/Pod', { types: ['Added'], labelSelector: 'app=web', names: ['web-*'] }, handler)
    const pod = (app: string, name: string) => testDelta('v1/Pod', { object: { metadata: { name, labels: { app } } } })
    expect(await run(scaled, update(3, 3))).toEqual({ outcome: 'filtered', condition: 'changed' })
    expect(await run(fn, pod('web', 'db-1'))).toEqual({ outcome: 'filtered', condition: 'names' })
    expect(await run(fn, pod('db', 'web-1'))).toEqual({ outcome: 'filtered', condition: 'labelSelector' })
    expect(handler).not.toHaveBeenCalled()
  })

  test('what is thrown decides whether it would be tried again', async () => {
    const throwing = (error: unknown) =>
      run(
        on('v1/Node', () => {
          throw error
        }),
        testDelta('v1/Node'),
      )
    const [plain, later, never] = [
      new Error('x'),
      new TemporaryError('x', { retryAfterSeconds: 5 }),
      new PermanentError('x'),
    ]
    expect(await throwing(plain)).toEqual({ outcome: 'retry', error: plain })
    expect(await throwing(later)).toEqual({ outcome: 'retry', error: later })
    expect(await throwing(never)).toEqual({ outcome: 'dead', error: never })
  })

  test('a filter that the bridge would refuse fails the test', async () => {
    const fn = on('v1/Pod', { labelSelector: 'a=b=c' }, () => {})
    await expect(run(fn, testDelta('v1/Pod'))).rejects.toThrow('labelSelector')
  })

  test('a deletion that may be a deselection carries its reason', async () => {
    const fn = on('v1/Pod', { types: ['Deleted'], labelSelector: 'app=web' }, (delta) => delta.reason.length)
    const delta = testDelta('v1/Pod', { type: 'Deleted', reason: 'DeletedOrDeselected' })
    expect(await run(fn, delta)).toEqual({ outcome: 'done' })
  })
})
