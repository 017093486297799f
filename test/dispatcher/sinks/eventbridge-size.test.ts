import { describe, expect, test, vi } from 'vitest'
import { eventBridgeLimits } from '../../../dispatcher/sinks/eventbridge.ts'
import { faultOf, requestBytesOf } from '../../../dispatcher/sinks/eventbridge-entry.ts'
import { pack } from '../../../dispatcher/sinks/packing.ts'
import { sizedDelivery as sized } from '../sink.suite.ts'
import { openBus } from './open-bus.ts'

const live = new AbortController().signal

const ok = { ok: true }

describe('packing', () => {
  const itemsOf = (...sizes: number[]) => sizes.map((bytes) => ({ entry: { bytes } }))
  const shape = (requests: readonly (readonly { entry: { bytes: number } }[])[]) =>
    requests.map((request) => request.map(({ entry }) => entry.bytes))

  test('fills requests in order up to the limit', () => {
    expect(shape(pack(itemsOf(4, 6, 1, 9, 2), 10, 10))).toEqual([[4, 6], [1, 9], [2]])
  })

  test('sends what is over the limit alone', () => {
    expect(shape(pack(itemsOf(1, 11, 1), 10, 10))).toEqual([[1], [11], [1]])
  })

  test('never puts more into one than it takes', () => {
    expect(pack(itemsOf(...Array(23).fill(1)), 10, 1000).map((request) => request.length)).toEqual([10, 10, 3])
  })

  test('counts bytes as EventBridge does', () => {
    const entry = { Source: 'a', DetailType: 'bc', Detail: '"ü"', Resources: ['de'] }
    expect(requestBytesOf(entry)).toBe(14 + 1 + 2 + 4 + 2)
  })
})

test('what EventBridge would lose without a word is refused here', () => {
  const entry = { Source: 'dev.deltabridge', DetailType: 'x', Time: new Date() }
  expect(faultOf(entry)).toBeUndefined()
  expect(faultOf({ ...entry, DetailType: 'x'.repeat(129) })).toMatch(/128/)
  expect(faultOf({ ...entry, Source: 'aws.ec2' })).toMatch(/reserved/)
})

test('a batch that is too large for one request takes several', async () => {
  const { bus, target } = await openBus()
  expect(
    await target.deliver(
      [1, 2, 3, 4].map((n) => sized(n, 400_000)),
      live,
    ),
  ).toEqual([ok, ok, ok, ok])
  expect(bus.calls).toBe(2)
})

test('an event that is too large goes without old, and the log tells', async () => {
  const warn = vi.fn()
  const { bus, target } = await openBus({}, { log: { warn } })
  expect(await target.deliver([sized(1, 600_000, 600_000), sized(2, 10, 10)], live)).toEqual([ok, ok])
  const byName = Object.fromEntries(bus.events.map(({ detail }) => [detail.name, detail.data]))
  expect(byName['web-1']).not.toHaveProperty('old')
  expect(byName['web-2']).toHaveProperty('old')
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ subject: expect.stringMatching(/web-1$/) }),
    'event too large, sent without old',
  )
})

test('an event that is too large even so goes as a reference, and none fails with it', async () => {
  const { bus, target } = await openBus()
  expect(await target.deliver([sized(1, eventBridgeLimits.bytes, 10), sized(2, 10)], live)).toEqual([ok, ok])
  const large = bus.events.find(({ detail }) => detail.name === 'web-1')
  expect(large?.detail.data).toMatchObject({ oldOmitted: true, objectOmitted: true })
})

describe('on a bus that takes only 256 KiB', () => {
  const old = { maxRequestBytes: 262_144 }

  test('a refused request is split, and the next ones are smaller from the start', async () => {
    const { bus, target } = await openBus(old)
    const four = [1, 2, 3, 4].map((n) => sized(n, 100_000))
    expect(await target.deliver(four, live)).toEqual([ok, ok, ok, ok])
    expect(bus.calls).toBe(3)
    await target.deliver(four, live)
    expect(bus.calls).toBe(5)
    expect(bus.count).toBe(8)
  })

  test('a single event goes without old, or as a reference', async () => {
    const { bus, target } = await openBus(old)
    const three = [sized(1, 100_000, 200_000), sized(2, 300_000, 10), sized(3, 10)]
    expect(await target.deliver(three, live)).toEqual([ok, ok, ok])
    const data = Object.fromEntries(bus.events.map(({ detail }) => [detail.name, detail.data]))
    expect(data['web-1']).toMatchObject({ oldOmitted: true, object: { data: expect.any(String) } })
    expect(data['web-2']).toMatchObject({ oldOmitted: true, objectOmitted: true })
    expect(data['web-3']).toMatchObject({ object: { data: expect.any(String) } })
  })
})

test('a 413 without a body is a matter of size too', async () => {
  const { bus, target } = await openBus()
  bus.failNext({ kind: 'tooLarge' })
  expect(await target.deliver([sized(1, 10), sized(2, 10), sized(3, 10)], live)).toEqual([ok, ok, ok])
  expect(bus.calls).toBe(4)
})
