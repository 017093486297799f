import { expect, test, vi } from 'vitest'
import { shardKeys } from '../../core/redis/keys.ts'
import { redisCorner } from '../support/redis.ts'
import { ClusterModel } from './cluster-model.ts'
import type { Step } from './history.ts'
import { JobBoard } from './job-board.ts'
import { play } from './play.ts'
import { TriggerSet } from './trigger-set.ts'
import { clusterId, WatcherProcess } from './watcher-process.ts'

const patience = { timeout: 10_000 }

/** Of histories that once lost something. What depends on who is faster is played several times. */
async function expectNoFault(times: number, steps: readonly Step[]): Promise<void> {
  const corner = redisCorner()
  const redis = await corner.connect()
  for (let i = 0; i < times; i++) expect(await play(corner, redis, String(i), steps)).toEqual([])
}

test('what is read at the moment when a batch is sent is not lost', () =>
  expectNoFault(10, [
    { do: 'write', name: 'a', field: 'value' },
    { do: 'add trigger', kind: 'old' },
    { do: 'recreate', name: 'a' },
    { do: 'add trigger', kind: 'existing' },
    { do: 'write', name: 'c', field: 'noise' },
    { do: 'cut watches', cleanly: true },
    { do: 'delete', name: 'a' },
    { do: 'break watcher', mishap: 'loses answer', commands: 1 },
    { do: 'cut watches', cleanly: true },
    { do: 'write', name: 'a', field: 'value' },
    { do: 'fail list', fault: 'refused' },
    { do: 'settle' },
    { do: 'write', name: 'b', field: 'value' },
    { do: 'swap trigger', which: 0 },
    { do: 'cut watches', cleanly: true },
  ]))

test('a stream that Redis did not forget when asked is forgotten all the same', () =>
  expectNoFault(1, [
    { do: 'write', name: 'a', field: 'value' },
    { do: 'add trigger', kind: 'existing' },
    { do: 'add trigger', kind: 'now' },
    { do: 'settle' },
    { do: 'break watcher', mishap: 'loses command', commands: 0 },
    { do: 'remove trigger', which: 1 },
    { do: 'settle' },
  ]))

test('what a list told before it broke off, and the next one does not, is deleted, however slow Redis is', async () => {
  const corner = redisCorner()
  const [redis, slow] = await Promise.all([corner.connect(), corner.connect()])
  const keys = shardKeys(corner.prefix, 0)
  await redis.set(keys.owner(clusterId), 'w')
  const triggers = new TriggerSet(redis, keys)
  const { streamId } = (await triggers.add('existing'))!
  let lists = 0
  const cluster = new ClusterModel(async () => {
    lists++
    if (lists > 1) return
    cluster.delete('a')
    // the commit of what this list shows takes its time
    watcher.fragile.plan('freezes', 0)
  })
  for (const name of ['a', 'b', 'c']) cluster.put(name, {})
  cluster.failNextList('expired')
  const watcher = new WatcherProcess({
    redis: slow,
    keys,
    token: 'w',
    cluster,
    board: new JobBoard(),
    triggers: triggers.records,
    onLost: () => {},
  })
  await vi.waitFor(() => expect([lists, watcher.fragile.frozen]).toEqual([2, true]), patience)
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
  watcher.fragile.thaw()
  await vi.waitFor(async () => expect(await redis.hget(keys.stream(streamId), 'phase')).toBe('live'), patience)
  expect(Object.keys(await redis.hgetall(keys.names(streamId))).sort()).toEqual(['shop/b', 'shop/c'])
  await watcher.close()
})
