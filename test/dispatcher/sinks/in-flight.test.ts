import { expect, test } from 'vitest'
import { InFlight } from '../../../dispatcher/sinks/in-flight.ts'

/** Requests that end when told to. */
function openRequests(inFlight: InFlight, count: number) {
  const running: PromiseWithResolvers<'ok' | 'throttled'>[] = []
  const request = () => {
    const answer = Promise.withResolvers<'ok' | 'throttled'>()
    running.push(answer)
    return answer.promise
  }
  const all = Array.from({ length: count }, () => inFlight.run(request, (answer) => answer === 'throttled'))
  return { running, all }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('every request goes at once as long as nothing throttles', () => {
  expect(openRequests(new InFlight(), 100).running).toHaveLength(100)
})

test('throttled requests halve what goes at once, once for all that were under way', async () => {
  const inFlight = new InFlight()
  const { running, all } = openRequests(inFlight, 16)
  for (const { resolve } of running) resolve('throttled')
  await Promise.all(all)
  expect(inFlight.limit).toBe(8)
  expect(openRequests(inFlight, 20).running).toHaveLength(8)
})

test('who waits goes when one ends, in the order in which they came', async () => {
  const inFlight = new InFlight()
  const first = openRequests(inFlight, 2)
  for (const { resolve } of first.running) resolve('throttled')
  await Promise.all(first.all)
  const { running } = openRequests(inFlight, 3)
  expect(running).toHaveLength(1)
  running[0]!.resolve('throttled')
  await settled()
  expect(running).toHaveLength(2)
})

test('a pace that holds grows again', async () => {
  const inFlight = new InFlight()
  const first = openRequests(inFlight, 8)
  for (const { resolve } of first.running) resolve('throttled')
  await Promise.all(first.all)
  for (let n = 0; n < 100; n++)
    await inFlight.run(
      async () => 'ok',
      () => false,
    )
  expect(inFlight.limit).toBeGreaterThan(10)
})

test('a request that throws gives its place back', async () => {
  const inFlight = new InFlight()
  const first = openRequests(inFlight, 2)
  for (const { resolve } of first.running) resolve('throttled')
  await Promise.all(first.all)
  await expect(
    inFlight.run(
      () => Promise.reject(new Error('no')),
      () => false,
    ),
  ).rejects.toThrow('no')
  expect(openRequests(inFlight, 1).running).toHaveLength(1)
})
