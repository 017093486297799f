import { setTimeout as sleep } from 'node:timers/promises'
import { silentLog } from '../../../core/log.ts'
import { connectRedis, redisReady } from '../../../core/redis/connection.ts'
import { shardKeys } from '../../../core/redis/keys.ts'
import type { TriggerRecord } from '../../../core/triggers.ts'
import { Connection } from '../../../watcher/connection.ts'
import { Stream } from '../../../watcher/stream.ts'
import { loadStreamScripts, StreamStore } from '../../../watcher/stream-store.ts'
import { podQuery } from '../queue/deltabridge.ts'
import { serve } from '../remote.ts'
import { Gauge } from './gauge.ts'

export interface StreamSetup {
  readonly kubeconfig: string
  readonly url: string
  readonly prefix: string
  /** Names that the trigger asks for; none: all. */
  readonly names: readonly string[]
}

const triggerId = '1'
const pollMs = 5
const gauge = new Gauge()
let stream: Stream | undefined
let prepared: { run(): void; deltas(): Promise<number> } | undefined

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(pollMs)
}

const answers = serve({
  async prepare({ kubeconfig, url, prefix, names }: StreamSetup) {
    const redis = connectRedis({ url, prefix }, 'commands')
    await redisReady(redis, AbortSignal.timeout(10_000))
    const keys = shardKeys(prefix, 0)
    const token = 'bench'
    await redis.set(keys.owner(podQuery.clusterId), token)
    const record: TriggerRecord = {
      id: triggerId,
      name: 'bench',
      state: 'active',
      sinceMs: 0,
      hash: 'bench',
      definition: { name: 'bench', gvk: ['v1/Pod'], names, target: { function: 'bench' } },
    }
    let batches = 0
    const context = {
      cluster: 'prod',
      query: podQuery,
      store: new StreamStore(redis, keys, token, podQuery, loadStreamScripts()),
      api: new Connection({ kubeconfig }),
      addDrain: () => {},
      redisAgain: (signal: AbortSignal) => sleep(250, undefined, { signal }),
      freshName: () => `b-${process.pid}-${++batches}`,
      log: silentLog,
      now: () => new Date(),
    }
    const made = new Stream(context, [record])
    stream = made
    prepared = {
      run: () => void made.run(new AbortController().signal),
      deltas: async () => Number((await redis.get(`${keys.queue(triggerId)}:pending`)) ?? 0),
    }
  },
  /** Lists if it has to, watches from then on; resolves when the watch stands and all before it is committed. */
  async run() {
    gauge.start()
    prepared!.run()
    await until(() => stream!.status.state === 'Live')
    return gauge.read()
  },
  startGauge: () => gauge.start(),
  async committed(resourceVersion: number) {
    await until(() => Number(stream!.status.resourceVersion) >= resourceVersion)
    return gauge.read()
  },
  async live() {
    await until(() => stream!.status.state === 'Live')
    return gauge.read()
  },
  deltas: () => prepared!.deltas(),
})

/** One stream of the bridge in a process of its own: list-watch, reflector, commit. */
export type StreamProcess = typeof answers
