import { describe, expect, test } from 'vitest'
import type { AnyDelta } from '../../core/delta.ts'
import type { Delivery, Target } from '../../dispatcher/target.ts'

/** A target with what it delivers to, and ways to make that fail. */
export interface TargetUnderTest extends AsyncDisposable {
  readonly target: Target
  /** Ids of the deltas that arrived. */
  arrived(): readonly string[]
  /** The delivery at this place of the next batch fails, and no other. */
  refuse(position: number): void
  /** Everything fails from now on. */
  breakDown(): void
  /** Nothing is answered from now on. */
  stall(): void
}

/** A delivery of the n-th object; `delta` and the rest as told. */
export function testDelivery(n = 1, delta: Partial<AnyDelta> = {}, rest: Partial<Delivery> = {}): Delivery {
  const name = `web-${n}`
  const uid = `uid-${n}`
  const metadata = { name, namespace: 'shop', uid, resourceVersion: '42', creationTimestamp: '2026-11-24T05:00:00Z' }
  const whole = {
    type: 'Added',
    id: `${uid}.42`,
    cluster: 'prod-eu',
    gvk: 'apps/v1/Deployment',
    namespace: 'shop',
    name,
    uid,
    resourceVersion: '42',
    observedAt: '2026-11-24T05:06:07.890Z',
    object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 2 } },
    ...delta,
  } as AnyDelta
  const trigger = rest.trigger ?? 'deployments-to-audit'
  return {
    deliveryId: `${trigger}/${whole.cluster}/${whole.id}`,
    trigger,
    delta: whole,
    resource: { group: 'apps', version: 'v1', resource: 'deployments' },
    attempt: 1,
    ...rest,
  }
}

/** What the dispatcher relies on, of every target. */
export function targetSuite(name: string, start: () => Promise<TargetUnderTest>): void {
  const live = new AbortController().signal
  const batchOf = (size: number) => Array.from({ length: size }, (_, index) => testDelivery(index + 1))

  describe(`${name} as a target`, () => {
    test('delivers a full batch, with an outcome for each delivery', async () => {
      await using it = await start()
      const batch = batchOf(it.target.maxBatch)
      expect(await it.target.deliver(batch, live)).toEqual(batch.map(() => ({ ok: true })))
      expect([...it.arrived()].sort()).toEqual(batch.map(({ delta }) => delta.id).sort())
    })

    test('has nothing to tell of an empty batch', async () => {
      await using it = await start()
      expect(await it.target.deliver([], live)).toEqual([])
    })

    test('tells the failure of one delivery at its own place', async () => {
      await using it = await start()
      const { maxBatch } = it.target
      const position = Math.floor(maxBatch / 2)
      it.refuse(position)
      const outcomes = await it.target.deliver(batchOf(maxBatch), live)
      expect(outcomes.map(({ ok }) => ok)).toEqual(Array.from({ length: maxBatch }, (_, index) => index !== position))
      expect(outcomes[position]).toMatchObject({ error: { name: expect.any(String), message: expect.any(String) } })
    })

    test('answers a breakdown with outcomes, and does not reject', async () => {
      await using it = await start()
      it.breakDown()
      const outcomes = await it.target.deliver(batchOf(it.target.maxBatch), live)
      expect(outcomes).toHaveLength(it.target.maxBatch)
      for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, error: { name: expect.any(String) } })
    })

    test('is done soon after an abort, and gives nothing up for good', async () => {
      await using it = await start()
      it.stall()
      const controller = new AbortController()
      const delivered = it.target.deliver(batchOf(it.target.maxBatch), controller.signal)
      setTimeout(() => controller.abort(), 100)
      const outcomes = await delivered
      expect(outcomes).toHaveLength(it.target.maxBatch)
      for (const outcome of outcomes) {
        expect(outcome.ok).toBe(false)
        expect(outcome).not.toHaveProperty('permanent')
      }
    }, 2_000)

    test('sends nothing once aborted', async () => {
      await using it = await start()
      const [outcome] = await it.target.deliver(batchOf(1), AbortSignal.abort())
      expect(outcome?.ok).toBe(false)
      expect(it.arrived()).toEqual([])
    })

    test('closes, also twice, and then answers failures', async () => {
      await using it = await start()
      await it.target.close()
      await it.target.close()
      const outcomes = await it.target.deliver(batchOf(1), live)
      expect(outcomes).toHaveLength(1)
      expect(outcomes[0]).toMatchObject({ ok: false })
    })
  })
}
