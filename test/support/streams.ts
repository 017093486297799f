import { setTimeout as timer } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { expect, onTestFinished, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import type { Entry } from '../../core/queue/entry.ts'
import { readPayloads } from '../../core/queue/payloads.ts'
import { installationKeys, shardKeys } from '../../core/redis/keys.ts'
import { readTriggers, type TriggerRecord } from '../../core/triggers.ts'
import type { Query } from '../../watcher/query.ts'
import { Stream, type StreamContext } from '../../watcher/stream.ts'
import { loadStreamScripts, StreamStore } from '../../watcher/stream-store.ts'
import type { RedisCorner } from './redis.ts'
import { type Answer, configMapQuery, ScriptedApi } from './scripted-api.ts'
import { putTrigger, short, waiting } from './triggers.ts'

const scripts = loadStreamScripts()

/** A stream of config maps over a scripted API server, on the test run's Redis. */
export class TestStreams {
  readonly corner: RedisCorner
  readonly redis: Redis
  #names = 0

  private constructor(corner: RedisCorner, redis: Redis) {
    this.corner = corner
    this.redis = redis
  }

  static async open(corner: RedisCorner): Promise<TestStreams> {
    const redis = await corner.connect()
    await redis.set(shardKeys(corner.prefix, 0).owner('c1'), 'owner')
    return new TestStreams(corner, redis)
  }

  async trigger(name: string, filter: Partial<Parameters<typeof putTrigger>[3]> = {}): Promise<TriggerRecord> {
    await putTrigger(this.redis, this.corner.prefix, name, { gvk: ['v1/ConfigMap'], ...filter })
    const { triggers } = await readTriggers(this.redis, installationKeys(this.corner.prefix))
    return triggers.find((trigger) => trigger.name === name)!
  }

  /** Starts a stream; it ends with the test, or by `stop`. */
  start(
    script: readonly Answer[],
    triggers: readonly TriggerRecord[],
    part: Partial<Query> = {},
    settings: Partial<StreamContext> = {},
  ) {
    const api = new ScriptedApi(script)
    const query: Query = { ...configMapQuery, ...part }
    const context: StreamContext = {
      cluster: 'prod',
      query,
      store: new StreamStore(this.redis, shardKeys(this.corner.prefix, 0), 'owner', query, scripts),
      api,
      addDrain: () => {},
      redisAgain: () => timer(1),
      freshName: () => `b${Date.now().toString(36)}-${this.#names++}`,
      log: silentLog,
      now: () => new Date('2026-11-24T05:06:07.890Z'),
      random: () => 0,
      sleep: () => timer(1),
      ...settings,
    }
    const stream = new Stream(context, triggers)
    const end = new AbortController()
    const running = stream.run(end.signal)
    const stop = async () => {
      end.abort()
      await running
    }
    onTestFinished(() => stop().catch(() => {}))
    return { stream, api, stop, running }
  }

  /** Waits until exactly this waits in the trigger's mailboxes. */
  async expectWaiting(trigger: TriggerRecord, deltas: readonly string[]): Promise<void> {
    await vi.waitFor(async () => {
      expect((await waiting(this.redis, this.corner.prefix, trigger.id)).map(short)).toEqual(deltas)
    })
  }

  /** What was kept of the object of an entry. */
  async object({ payload }: Entry): Promise<unknown> {
    const bytes = (await readPayloads(this.redis, shardKeys(this.corner.prefix, 0), [payload])).get(payload)
    return bytes && JSON.parse(bytes.toString('utf8'))
  }

  async entries(trigger: TriggerRecord) {
    return waiting(this.redis, this.corner.prefix, trigger.id)
  }
}
