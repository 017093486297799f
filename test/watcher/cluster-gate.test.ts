import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { ClusterGate } from '../../watcher/cluster-gate.ts'
import { watchFailure } from '../../watcher/watch-failure.ts'

const refused = watchFailure(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
const reset = watchFailure(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))

function open(answers: readonly boolean[], random = () => 0.999_999) {
  const waits: number[] = []
  let probes = 0
  const stop = new AbortController()
  const gate = new ClusterGate({
    signal: stop.signal,
    random,
    async probe() {
      if (answers[probes++] !== true) throw new Error('down')
    },
    async sleep(ms) {
      waits.push(Math.round(ms))
      await new Promise((resolve) => setImmediate(resolve))
    },
  })
  return { gate, waits, stop, probes: () => probes }
}

test('a hundred streams of a cluster that is down cost one probe at a time, and all go on when it answers', async () => {
  const { gate, waits, probes } = open([false, false, false, false, false, true])
  const passed = Array.from({ length: 100 }, () => {
    expect(gate.report(refused)).toBe(true)
    return gate.passed(new AbortController().signal)
  })
  expect(gate.failure).toBe(refused)
  await Promise.all(passed)
  expect(gate.failure).toBeUndefined()
  expect(probes()).toBe(6)
  // half a second doubling to five, then each stream within a quarter of a second
  expect(waits.slice(0, 6)).toEqual([500, 1000, 2000, 4000, 5000, 5000])
  expect(waits.slice(6)).toEqual(Array(100).fill(250))
})

test('a stream that is merely cut is not the gate’s matter', () => {
  const { gate } = open([true])
  expect(gate.report(reset)).toBe(false)
  expect(gate.failure).toBeUndefined()
})

test('whoever has passed leaves nothing behind on its signal, which lives as long as its stream', async () => {
  const { gate } = open([false, true])
  const { signal } = new AbortController()
  gate.report(refused)
  await gate.passed(signal)
  await gate.passed(signal)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('an open gate lets pass at once, and a closed one lets go of who is told to stop', async () => {
  const { gate, stop } = open(Array(10_000).fill(false))
  await gate.passed(new AbortController().signal)
  gate.report(refused)
  const ended = new AbortController()
  const waiting = gate.passed(ended.signal)
  ended.abort()
  await waiting
  stop.abort()
})
