import { expect, test } from 'vitest'
import { ListSlots } from '../../watcher/list-slots.ts'

const never = new AbortController().signal
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('no more lists are under way than there are slots; who waits comes in turn', async () => {
  const slots = new ListSlots(2)
  const order: number[] = []
  const releases: (() => void)[] = []
  for (let n = 0; n < 5; n++)
    void slots.take(never).then((release) => {
      order.push(n)
      releases.push(release)
    })
  await settled()
  expect(order).toEqual([0, 1])
  releases[0]?.()
  releases[0]?.()
  await settled()
  expect(order).toEqual([0, 1, 2])
  for (const release of releases) release()
  await settled()
  expect(order).toEqual([0, 1, 2, 3, 4])
})

test('who stops waiting takes no slot from the others', async () => {
  const slots = new ListSlots(1)
  const release = await slots.take(never)
  const stop = new AbortController()
  const waiting = slots.take(stop.signal)
  stop.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  release()
  await expect(slots.take(never)).resolves.toBeTypeOf('function')
  await expect(slots.take(stop.signal)).rejects.toThrow('stopped')
})
