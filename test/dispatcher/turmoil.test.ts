import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { TriggerWorker } from '../../dispatcher/trigger-worker.ts'
import { openLine } from './line.ts'

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
    return state / 0x7fffffff
  }
}

test('with connections cut, answers lost, handlers failing and dispatchers coming and going, every line stays whole', async () => {
  const line = await openLine({ alone: true })
  const random = numbers(7)
  const running = new Set<string>()
  const started = new Map<string, number[]>()
  const faults: string[] = []
  const deliver = async ({ delta }: { delta: { name: string; resourceVersion: string } }) => {
    const { name } = delta
    const version = Number(delta.resourceVersion)
    if (running.has(name)) faults.push(`${name} in parallel at ${version}`)
    running.add(name)
    const seen = started.get(name) ?? []
    // once more what was not acknowledged is allowed, going back behind what was is not
    if (version < (seen.at(-1) ?? 0) && !seen.includes(version)) faults.push(`${name} ${version} after ${seen.at(-1)}`)
    started.set(name, [...seen, version])
    await sleep(random() * 4)
    running.delete(name)
    if (random() < 0.1) throw new Error('now and then')
  }
  const policy = { attempts: null, concurrency: 12 }
  const workers: TriggerWorker[] = [await line.work(deliver, { policy }), await line.work(deliver, { policy })]
  const pushed = new Map<string, number[]>()
  let over = false
  const turmoil = (async () => {
    while (!over) {
      await sleep(30 + random() * 60)
      const clients = (await line.redis.client('LIST')) as string
      const ids = [...clients.matchAll(/^id=(\d+) /gm)].map(([, id]) => id!)
      const mine = String(await line.redis.client('ID'))
      const bull = String(await line.bull.client('ID'))
      const others = ids.filter((id) => id !== mine && id !== bull)
      const victim = others[Math.floor(random() * others.length)]
      if (victim) await line.redis.client('KILL', 'ID', victim).catch(() => {})
      if (random() < 0.1) {
        await workers.shift()?.close(AbortSignal.timeout(50))
        workers.push(await line.work(deliver, { policy }))
      }
    }
  })()
  onTestFinished(() => {
    over = true
  })
  for (let n = 0; n < 40; n++) {
    const names = Array.from({ length: 25 }, () => `o-${Math.floor(random() * 30)}`)
    for (const id of await line.push(...names)) {
      const [, name, version] = /^uid-(.*)\.(\d+)$/.exec(id)!
      pushed.set(name!, [...(pushed.get(name!) ?? []), Number(version)])
    }
    await sleep(40)
  }
  over = true
  await turmoil
  await vi.waitFor(async () => expect(await line.pending()).toBe(0), { timeout: 20_000, interval: 50 })
  expect(faults).toEqual([])
  for (const [name, versions] of pushed) expect([...new Set(started.get(name))]).toEqual(versions)
  const queue = line.keys.queue(line.record.id)
  await vi.waitFor(async () => {
    expect(await line.redis.exists(`${queue}:owned`, `${queue}:ready`, `${queue}:parked`, `${queue}:failures`)).toBe(0)
  }, 10_000)
  expect(await line.redis.keys(`${line.keys.tag}:p:*`)).toEqual([])
}, 60_000)
