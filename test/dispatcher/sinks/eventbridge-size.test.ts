import { describe, expect, test, vi } from 'vitest'
import type { AnyDelta } from '../../../core/delta.ts'
import { bytesOf, faultOf, itemOf, MAX_REQUEST_BYTES, pack } from '../../../dispatcher/sinks/eventbridge-entry.ts'
import { testDelivery } from '../target.suite.ts'
import { openBus } from './open-bus.ts'

const live = new AbortController().signal

/** An update whose object and old object carry about so many bytes. */
function sized(n: number, bytes: number, oldBytes?: number) {
  const { object } = testDelivery(n).delta
  const old = oldBytes === undefined ? {} : { old: { ...object, data: 'o'.repeat(oldBytes) } }
  const update = { type: 'Updated', object: { ...object, data: 'x'.repeat(bytes) }, ...old }
  return testDelivery(n, update as Partial<AnyDelta>)
}

const ok = { ok: true }

describe('packing', () => {
  const itemsOf = (...sizes: number[]) =>
    sizes.map((bytes, index) => ({ ...itemOf(testDelivery(index), index, 'k8s'), bytes }))
  const shape = (requests: readonly (readonly { bytes: number }[])[]) =>
    requests.map((r) => r.map(({ bytes }) => bytes))

  test('fills requests in order up to the limit', () => {
    expect(shape(pack(itemsOf(4, 6, 1, 9, 2), 10))).toEqual([[4, 6], [1, 9], [2]])
  })

  test('sends what is over the limit alone', () => {
    expect(shape(pack(itemsOf(1, 11, 1), 10))).toEqual([[1], [11], [1]])
  })

  test('never puts more than ten into one', () => {
    expect(pack(itemsOf(...Array(23).fill(1)), 1000).map((request) => request.length)).toEqual([10, 10, 3])
  })

  test('counts bytes as EventBridge does', () => {
    expect(bytesOf({ Source: 'a', DetailType: 'bc', Detail: '"ü"', Resources: ['de'] })).toBe(14 + 1 + 2 + 4 + 2)
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
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ name: 'web-1' }), expect.any(String))
})

test('an event that is too large without old fails for good, and no other with it', async () => {
  const { bus, target } = await openBus()
  const [large, small] = await target.deliver([sized(1, MAX_REQUEST_BYTES, 10), sized(2, 10)], live)
  expect(large).toMatchObject({ failure: 'entry', permanent: true, error: { name: 'EventTooLarge' } })
  expect(large).toMatchObject({ error: { message: expect.stringMatching(/claim check is not supported yet/) } })
  expect(small).toEqual(ok)
  expect(bus.calls).toBe(1)
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

  test('a single event goes without old, or not at all', async () => {
    const { bus, target } = await openBus(old)
    const [lighter, refused, small] = await target.deliver(
      [sized(1, 100_000, 200_000), sized(2, 300_000, 10), sized(3, 10)],
      live,
    )
    expect([lighter, small]).toEqual([ok, ok])
    expect(refused).toMatchObject({ failure: 'entry', permanent: true, error: { name: 'EventTooLarge' } })
    expect(bus.count).toBe(2)
  })
})

test('a 413 without a body is a matter of size too', async () => {
  const { bus, target } = await openBus()
  bus.failNext({ kind: 'tooLarge' })
  expect(await target.deliver([sized(1, 10), sized(2, 10), sized(3, 10)], live)).toEqual([ok, ok, ok])
  expect(bus.calls).toBe(4)
})
