import { PassThrough } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { shardKeys } from '../../core/redis/keys.ts'
import { ClusterStreams } from '../../watcher/cluster-streams.ts'
import { loadStreamScripts } from '../../watcher/stream-store.ts'
import { ClusterModel } from '../property/cluster-model.ts'
import { redisCorner } from '../support/redis.ts'
import { TestStreams } from '../support/streams.ts'

const patience = { timeout: 10_000, interval: 20 }

test('a trigger whose query is edited loses nothing that its former stream had not come to yet', {
  timeout: 30_000,
}, async () => {
  const streams = await TestStreams.open(redisCorner())
  const keys = shardKeys(streams.corner.prefix, 0)
  const cluster = new ClusterModel(async () => {})
  const slow = new PassThrough()
  let watches = 0
  let names = 0
  const watcher = new ClusterStreams({
    settings: { name: 'prod', labels: {}, access: {} },
    clusterId: 'c1',
    redis: streams.redis,
    redisAgain: async () => {},
    shard: keys,
    token: 'owner',
    api: {
      get: cluster.get,
      async open(path, signal) {
        const body = await cluster.open(path, signal)
        if (watches++ > 0) return body
        // the first watch hears everything later than the others
        signal.addEventListener('abort', () => slow.destroy(), { once: true })
        return body.pipe(slow)
      },
    },
    scripts: loadStreamScripts(),
    freshName: () => `b${names++}`,
    addDrain: () => {},
    log: silentLog,
  })
  const stop = new AbortController()
  const running = watcher.run(stop.signal, () => {})
  onTestFinished(async () => {
    stop.abort()
    slow.destroy()
    await running
  })
  const before = await streams.trigger('all')
  watcher.setTriggers([before])
  await vi.waitFor(async () => expect(await phases()).toEqual(['live']), patience)

  slow.cork()
  cluster.put('a', {})
  const after = await streams.trigger('all', { old: true })
  watcher.setTriggers([after])
  await vi.waitFor(async () => expect(await phases()).toEqual(['live', 'live']), patience)
  // looked at again, and again
  for (let i = 0; i < 3; i++) {
    watcher.setTriggers([after].slice())
    await vi.waitFor(() => expect(watcher.told()).toHaveLength(2), patience)
  }
  cluster.put('b', {})
  await vi.waitFor(() => streams.expectWaiting(after, ['Added b']), patience)
  slow.uncork()
  await vi.waitFor(async () => expect(await phases()).toEqual(['live']), patience)
  const ids = (await streams.entries(after)).map(({ id }) => id)
  expect([...new Set(ids)].sort()).toEqual(['u1.1', 'u2.2'])

  async function phases() {
    const ids = await streams.redis.hkeys(keys.streams)
    return Promise.all(ids.map((id) => streams.redis.hget(keys.stream(id), 'phase')))
  }
})
