import { CloudEvent as Reference } from 'cloudevents'
import { describe, expect, test, vi } from 'vitest'
import type { AnyDelta } from '../../core/delta.ts'
import type { CloudEvent } from '../../dispatcher/sinks/cloudevent.ts'
import type { CheckableTarget } from '../../dispatcher/sinks/event-target.ts'
import { SinkError } from '../../dispatcher/sinks/sink.ts'
import { openLine } from './line.ts'
import { checkData } from './sinks/data-schema.ts'
import { type TargetUnderTest, targetSuite, testDelivery } from './target.suite.ts'

/** A sink with what it sends to, and ways to make that fail. */
export interface SinkUnderTest extends TargetUnderTest {
  readonly target: CheckableTarget
  /** Of one request. */
  readonly maxBytes: number
  /** In the order of their arrival, repeats included. */
  events(): readonly CloudEvent[]
  /** The next requests arrive, and nobody is told. */
  swallow(requests: number): void
  /** The next requests are cut off before their answer, and do not arrive. */
  cut(requests: number): void
  /** The next request is answered that much later. */
  delay(delayMs: number): void
}

export interface SinkSuite {
  start(): Promise<SinkUnderTest>
  /** Settings that cannot work, by what is wrong with them, and what the check says of it. */
  readonly wrong: Readonly<Record<string, readonly [open: () => Promise<CheckableTarget>, message: RegExp]>>
}

const live = new AbortController().signal
const ok = { ok: true }
const batchOf = (size: number) => Array.from({ length: size }, (_, index) => testDelivery(index + 1))

/** An update whose object and old object carry about so many bytes. */
export function sizedDelivery(n: number, bytes: number, oldBytes?: number) {
  const { object } = testDelivery(n).delta
  const old = oldBytes === undefined ? {} : { old: { ...object, data: 'o'.repeat(oldBytes) } }
  const update = { type: 'Updated', object: { ...object, data: 'x'.repeat(bytes) }, changed: ['data'], ...old }
  return testDelivery(n, update as Partial<AnyDelta>)
}

/** What every sink does, whatever it sends to. */
export function sinkSuite(name: string, { start, wrong }: SinkSuite): void {
  targetSuite(name, start)

  describe(`${name} as a sink`, () => {
    test('sends what the CloudEvents SDK and the published schema accept', async () => {
      await using it = await start()
      const deleted = { type: 'Deleted', finalStateUnknown: true, reason: 'MissedWhileDisconnected' }
      const initial = { initial: true, reason: 'StateReset' }
      const odd = { name: 'naïve "role" 100%?#', namespace: undefined }
      const deliveries = [
        sizedDelivery(1, 10, 10),
        testDelivery(2, deleted as Partial<AnyDelta>),
        testDelivery(3, initial as Partial<AnyDelta>),
        testDelivery(4, odd as Partial<AnyDelta>),
      ]
      for (const delivery of deliveries) expect(await it.target.deliver([delivery], live)).toEqual([ok])
      expect(it.events()).toHaveLength(deliveries.length)
      for (const { initial, ...event } of it.events()) {
        // headers have no booleans
        expect(new Reference<unknown>({ ...event, ...(initial && { initial: true }) }, true).validate()).toBe(true)
        checkData(event.data)
      }
    })

    test('keeps the events of each object in order, also when some fail and the target breaks down', async () => {
      await using it = await start()
      const line = await openLine()
      const names = Array.from({ length: 12 }, (_, n) => `web-${n}`)
      const ids: string[] = []
      for (let round = 0; round < 5; round++) ids.push(...(await line.push(...names)))
      it.refuse(0)
      it.cut(2)
      const policy = { attempts: null, concurrency: 60 }
      await line.work(it.target, { policy })
      await vi.waitFor(async () => expect(await line.pending()).toBe(0), { timeout: 20_000, interval: 20 })
      const events = it.events()
      expect([...new Set(events.map(({ id }) => id))].sort()).toEqual([...ids].sort())
      for (const name of names) {
        const versions = events.filter((event) => event.name === name).map(({ sequence }) => sequence!)
        expect([...new Set(versions)]).toEqual([...new Set(versions)].sort())
      }
    })

    test('takes off an event that is too large what can go: the previous state first, then the object', async () => {
      await using it = await start()
      const half = it.maxBytes / 2
      for (const delivery of [sizedDelivery(1, half, half), sizedDelivery(2, it.maxBytes)])
        expect(await it.target.deliver([delivery], live)).toEqual([ok])
      const [withoutOld, reference] = it.events()
      expect(withoutOld?.data).toMatchObject({ object: { data: expect.any(String) }, oldOmitted: true })
      expect(withoutOld?.data).not.toHaveProperty('old')
      const metadata = { name: 'web-2', namespace: 'shop', uid: 'uid-2', resourceVersion: '42' }
      const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata }
      expect(reference?.data).toEqual({ object, changed: ['data'], objectOmitted: true })
      for (const { data } of it.events()) checkData(data)
    })

    test('gives up for good what is still too large, says why, and sends the others', async () => {
      await using it = await start()
      const changed = Array.from({ length: it.maxBytes / 20 }, (_, n) => `data['${n}-01234567890']`)
      const large = testDelivery(1, { type: 'Updated', changed } as Partial<AnyDelta>)
      const deliver = (n: number) => it.target.deliver([n === 1 ? large : testDelivery(n)], live)
      const [[first], [second]] = [await deliver(1), await deliver(2)]
      const message = expect.stringMatching(/Deployment .*web-1 makes an event of \d+ bytes/)
      expect(first).toEqual({ ok: false, failure: 'entry', permanent: true, error: { name: 'EventTooLarge', message } })
      expect(second).toEqual(ok)
    })

    test('counts an attempt of what was sent and never answered', async () => {
      await using it = await start()
      it.stall()
      const outcomes = await it.target.deliver(batchOf(it.target.maxBatch), AbortSignal.timeout(200))
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ failure: 'entry', error: { name: 'TimeoutError' } })
        expect(outcome).not.toHaveProperty('permanent')
      }
    })

    test('sends under the same id again what arrived without anybody being told', async () => {
      await using it = await start()
      it.swallow(1)
      const [unknown] = await it.target.deliver(batchOf(1), AbortSignal.timeout(300))
      expect(unknown).toMatchObject({ ok: false })
      expect(await it.target.deliver([testDelivery(1, {}, { attempt: 2 })], live)).toEqual([ok])
      const [first, second] = it.events()
      const keys = ({ id, source, dedupekey }: CloudEvent) => ({ id, source, dedupekey })
      expect(keys(second!)).toEqual(keys(first!))
    })

    test('blames nobody for a connection that is cut, and goes on', async () => {
      await using it = await start()
      it.cut(2)
      for (const outcome of await it.target.deliver(batchOf(it.target.maxBatch), live)) {
        expect(outcome).toMatchObject({ failure: 'target' })
        expect(outcome).not.toHaveProperty('permanent')
      }
      expect(await it.target.deliver(batchOf(1), live)).toEqual([ok])
    })

    test('takes a connection that is cut once for a stale one', async () => {
      await using it = await start()
      it.cut(1)
      expect(await it.target.deliver(batchOf(1), live)).toEqual([ok])
    })

    test('finishes what is being sent before it closes', async () => {
      await using it = await start()
      it.delay(150)
      const delivered = it.target.deliver(batchOf(1), live)
      const closed = it.target.close()
      expect(await Promise.race([delivered.then(() => 'delivered'), closed.then(() => 'closed')])).toBe('delivered')
      expect(await delivered).toEqual([ok])
      await closed
    })

    test('passes its check', async () => {
      await using it = await start()
      await expect(it.target.check(live)).resolves.toBeUndefined()
      expect(it.arrived()).toEqual([])
    })

    test.each(Object.entries(wrong))('tells at once of %s', async (_, [open, message]) => {
      const target = await open()
      const error = await target.check(AbortSignal.timeout(5_000)).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(SinkError)
      expect((error as SinkError).message).toMatch(message)
    })
  })
}
