import { expect, onTestFinished, test, vi } from 'vitest'
import type { ClaimCheckSettings } from '../../../core/config/settings.ts'
import { loadS3, s3ClaimCheck } from '../../../dispatcher/sinks/claim-check.ts'
import { cloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { eventBridgeLimits } from '../../../dispatcher/sinks/eventbridge.ts'
import { sizedDelivery } from '../sink.suite.ts'
import { testDelivery } from '../target.suite.ts'
import { openObjectStore } from './object-store.ts'
import { openBus, stubAws } from './open-bus.ts'

const live = new AbortController().signal
const ok = { ok: true }

/** A bus, and a store for what it does not take. */
async function openStage(settings: Partial<ClaimCheckSettings> = {}) {
  stubAws()
  const store = await openObjectStore('large')
  const claimCheck = s3ClaimCheck({ bucket: 'large', endpoint: store.url, prefix: 'deltas/', ...settings })
  onTestFinished(() => claimCheck.close())
  const { bus, target } = await openBus({}, { claimCheck })
  return { store, bus, target }
}

const large = (oldBytes?: number) => sizedDelivery(1, eventBridgeLimits.bytes, oldBytes)
const key = 'deltas/deployments-to-audit/uid-1.42.json'

test('what no step makes small enough lies in the bucket, and the event says where', async () => {
  const { store, bus, target } = await openStage()
  expect(await target.deliver([large(10), testDelivery(2)], live)).toEqual([ok, ok])
  const { data: sent, ...attributes } = cloudEvent(large(10))
  const { old, ...data } = sent!
  expect(bus.events.find(({ detail }) => detail.name === 'web-1')?.detail).toEqual({
    ...attributes,
    dataref: `s3://large/${key}`,
  })
  expect(JSON.parse(store.objects.get(key)!)).toEqual({ ...data, oldOmitted: true })
})

test('what fits stays out of the bucket', async () => {
  const { store, bus, target } = await openStage()
  expect(await target.deliver([sizedDelivery(1, 600_000, 600_000)], live)).toEqual([ok])
  expect(store.puts).toBe(0)
  expect(bus.events[0]?.detail).not.toHaveProperty('dataref')
})

test('a repeated delivery puts nothing anew, and refers to the same object', async () => {
  const { store, bus, target } = await openStage()
  for (let attempt = 1; attempt <= 2; attempt++) await target.deliver([large()], live)
  expect([store.puts, store.stored]).toEqual([2, 1])
  expect(bus.events.map(({ detail }) => detail.dataref)).toEqual([`s3://large/${key}`, `s3://large/${key}`])
})

test('a store that fails is a failure of that one event, which is tried again', async () => {
  const { store, bus, target } = await openStage()
  store.failNext(403, 'AccessDenied')
  const [failed, other] = await target.deliver([large(), testDelivery(2)], live)
  expect(failed).toMatchObject({ failure: 'entry', error: { name: 'AccessDenied' } })
  expect(failed).not.toHaveProperty('permanent')
  expect(other).toEqual(ok)
  expect(await target.deliver([large()], live)).toEqual([ok])
  expect(bus.count).toBe(2)
})

test('a store that does not answer holds up no other event, and it is that one whose attempt is counted', async () => {
  const { store, bus, target } = await openStage()
  store.stall()
  const delivered = target.deliver([large(), testDelivery(2)], AbortSignal.timeout(500))
  await vi.waitFor(() => expect(bus.events.map(({ detail }) => detail.name)).toEqual(['web-2']))
  expect(await delivered).toMatchObject([{ failure: 'entry', error: { name: 'TimeoutError' } }, ok])
})

test('the check tells of a bucket that does not exist', async () => {
  const { target } = await openStage({ bucket: 'lagre' })
  const error = { reason: 'NotFound', message: expect.stringMatching(/bucket lagre does not exist; create it/) }
  await expect(target.check(live)).rejects.toMatchObject(error)
  await expect((await openStage()).target.check(live)).resolves.toBeUndefined()
})

test('without the client of S3 it is told what to install', async () => {
  const missing = loadS3(() => Promise.reject(new Error('Cannot find package')))
  await expect(missing).rejects.toThrow(/npm install @aws-sdk\/client-s3/)
})
