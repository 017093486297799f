import { Readable } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { shardKeys } from '../../core/redis/keys.ts'
import { ClusterStreams } from '../../watcher/cluster-streams.ts'
import { ApiFailure } from '../../watcher/connection.ts'
import { loadStreamScripts } from '../../watcher/stream-store.ts'
import { redisCorner } from '../support/redis.ts'
import { TestStreams } from '../support/streams.ts'

const kinds = { resources: [{ name: 'configmaps', kind: 'ConfigMap', namespaced: true, verbs: ['list', 'watch'] }] }
const nothing = { metadata: { resourceVersion: '10' }, items: [] }

test('triggers that come while the streams are being opened are not left for later', async () => {
  const streams = await TestStreams.open(redisCorner())
  const [early, late] = [await streams.trigger('early'), await streams.trigger('late', { old: true })]
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  let names = 0
  const cluster = new ClusterStreams({
    settings: { name: 'prod', labels: {}, access: {} },
    clusterId: 'c1',
    redis: streams.redis,
    redisAgain: async () => {},
    shard: shardKeys(streams.corner.prefix, 0),
    token: 'owner',
    api: {
      async get(path) {
        if (path !== '/api/v1') return Buffer.from(JSON.stringify(nothing))
        asked.resolve()
        await answer.promise
        return Buffer.from(JSON.stringify(kinds))
      },
      async open(path, signal) {
        if (path.includes('sendInitialEvents')) throw new ApiFailure({ code: 400, reason: 'BadRequest', message: '' })
        const silent = new Readable({ read() {} })
        signal.addEventListener('abort', () => silent.destroy(signal.reason), { once: true })
        return silent
      },
    },
    scripts: loadStreamScripts(),
    freshName: () => `b${names++}`,
    addDrain: () => {},
    log: silentLog,
  })
  const stop = new AbortController()
  const running = cluster.run(stop.signal, () => {})
  onTestFinished(async () => {
    stop.abort()
    await running
  })
  cluster.setTriggers([early])
  await asked.promise
  cluster.setTriggers([early, late])
  answer.resolve()
  await vi.waitFor(() => expect(cluster.problems()).toEqual([]), 5_000)
})
