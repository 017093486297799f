import { expect, onTestFinished, test, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { shardKeys } from '../../core/redis/keys.ts'
import type { TriggerRecord } from '../../core/triggers.ts'
import { ClusterStreams } from '../../watcher/cluster-streams.ts'
import { ApiFailure } from '../../watcher/connection.ts'
import { loadStreamScripts } from '../../watcher/stream-store.ts'
import { ClusterModel } from '../property/cluster-model.ts'
import { redisCorner } from '../support/redis.ts'
import { TestStreams } from '../support/streams.ts'

const patience = { timeout: 15_000, interval: 20 }
const scripts = loadStreamScripts()

/** A cluster that may lose its kind and have it again, and a watcher of it that may be started anew. */
async function open(served: boolean) {
  const streams = await TestStreams.open(redisCorner())
  const cluster = new ClusterModel(async () => {})
  const kind = { served }
  const unknown = () => new ApiFailure({ code: 404, reason: '', message: '404 page not found' })
  const api = {
    async get(path: string, signal: AbortSignal) {
      if (!kind.served && path === '/api/v1') return Buffer.from('{"resources":[]}')
      if (!kind.served) throw unknown()
      return cluster.get(path, signal)
    },
    async open(path: string, signal: AbortSignal) {
      if (!kind.served) throw unknown()
      return cluster.open(path, signal)
    },
  }
  let names = 0
  const start = (triggers: readonly TriggerRecord[]) => {
    const watcher = new ClusterStreams({
      settings: { name: 'prod', labels: {}, access: {} },
      clusterId: 'c1',
      redis: streams.redis,
      redisAgain: async () => {},
      shard: shardKeys(streams.corner.prefix, 0),
      token: 'owner',
      api,
      sleep: () => new Promise((resolve) => setTimeout(resolve, 5)),
      believedAfterMs: 100,
      scripts,
      freshName: () => `b${names++}`,
      addDrain: () => {},
      log: silentLog,
    })
    const end = new AbortController()
    const running = watcher.run(end.signal, () => {})
    const stop = async () => {
      end.abort()
      await running
    }
    onTestFinished(stop)
    watcher.setTriggers(triggers)
    return { watcher, stop }
  }
  const expectWaiting = (trigger: TriggerRecord, deltas: readonly string[]) =>
    vi.waitFor(() => streams.expectWaiting(trigger, deltas), patience)
  const expectLive = (watcher: ClusterStreams) => vi.waitFor(() => expect(watcher.problems()).toEqual([]), patience)
  return { streams, cluster, kind, start, expectWaiting, expectLive }
}

test('a kind that is removed takes its objects along; one that comes back begins with ids of its own', {
  timeout: 30_000,
}, async () => {
  const { streams, cluster, kind, start, expectWaiting, expectLive } = await open(true)
  const now = await streams.trigger('now')
  const { watcher } = start([now])
  await expectLive(watcher)
  cluster.put('a', {})
  await expectWaiting(now, ['Added a'])
  kind.served = false
  cluster.endWatches()
  await expectWaiting(now, ['Added a', 'Deleted a unseen ResourceRemoved'])
  await vi.waitFor(
    () => expect(watcher.told()).toMatchObject([{ status: { state: 'Gone', reason: 'NotFound' } }]),
    patience,
  )
  kind.served = true
  await expectLive(watcher)
  await expectWaiting(now, ['Added a', 'Deleted a unseen ResourceRemoved', 'Added a'])
  expect((await streams.entries(now)).map(({ id }) => id)).toEqual(['u1.1', 'u1.deleted', 'u1.1.r1'])
})

test('a kind that is not to be found for a moment has lost nothing', { timeout: 30_000 }, async () => {
  const { streams, cluster, kind, start, expectWaiting, expectLive } = await open(true)
  const now = await streams.trigger('now')
  const first = start([now])
  await expectLive(first.watcher)
  cluster.put('a', {})
  await expectWaiting(now, ['Added a'])
  kind.served = false
  cluster.endWatches()
  await vi.waitFor(() => expect(first.watcher.problems()).not.toEqual([]), patience)
  await first.stop()
  kind.served = true
  const second = start([now])
  await expectLive(second.watcher)
  cluster.put('a', { value: '2' })
  await expectWaiting(now, ['Added a', 'Updated a'])
})

test('whoever waited for a kind is told of everything that is there when it comes, as new; who came later is not', {
  timeout: 30_000,
}, async () => {
  const { streams, cluster, kind, start, expectWaiting, expectLive } = await open(false)
  const early = await streams.trigger('early')
  const first = start([early])
  await vi.waitFor(
    () => expect(first.watcher.problems()).toMatchObject([/NotFound/].map((text) => expect.stringMatching(text))),
    patience,
  )
  await first.stop()
  kind.served = true
  cluster.put('a', {})
  const late = await streams.trigger('late')
  const second = start([early, late])
  await expectLive(second.watcher)
  await expectWaiting(early, ['Added a'])
  await vi.waitFor(async () => {
    const [id] = await streams.redis.hkeys(shardKeys(streams.corner.prefix, 0).streams)
    expect(await streams.redis.hkeys(shardKeys(streams.corner.prefix, 0).attachments(id!))).toHaveLength(2)
  }, patience)
  cluster.put('b', {})
  await expectWaiting(early, ['Added a', 'Added b'])
  await expectWaiting(late, ['Added b'])
  expect(await streams.redis.exists(shardKeys(streams.corner.prefix, 0).absent('c1'))).toBe(0)
})
