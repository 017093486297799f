import { setTimeout as sleep } from 'node:timers/promises'
import { KubeConfig, Watch } from '@kubernetes/client-node'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { serve } from '../remote.ts'
import { Stopwatch } from './stopwatch.ts'

const stopwatch = new Stopwatch()
const name = 'changes'
let written = false

const answers = serve({
  async watch(kubeconfig: string, url: string) {
    const queue = new Queue(name, {
      connection: new Redis(url, { maxRetriesPerRequest: null }),
      defaultJobOptions: { removeOnComplete: true },
    })
    await queue.waitUntilReady()
    const config = new KubeConfig()
    config.loadFromFile(kubeconfig)
    await new Watch(config).watch(
      '/api/v1/namespaces/shop/configmaps',
      {},
      (type, object) => {
        written = true
        void queue.add(type, object)
      },
      () => {},
    )
    // what is there is told first
    while (!written) await sleep(20)
  },
  async work(url: string) {
    const connection = new Redis(url, { maxRetriesPerRequest: null })
    const worker = new Worker(
      name,
      async ({ name: type, data }) => {
        if (type === 'MODIFIED') stopwatch.stop(data.data)
      },
      { connection, concurrency: 100 },
    )
    await worker.waitUntilReady()
  },
  begin: () => stopwatch.begin(),
  latencies: (count: number) => stopwatch.latencies(count),
})

/** What one would write without the bridge: the client library's watch, and a BullMQ job per event. */
export type ByHandProcess = typeof answers
