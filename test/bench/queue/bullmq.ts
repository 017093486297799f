import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { Contender, ParsedPod, Pod } from './contender.ts'

const bulk = 100
const inFlight = 4

/** One job per delta, as its documentation has it: no order, and nothing but the queue. */
export const bullmq: Contender = {
  async openProducer({ url, prefix }) {
    const connection = new Redis(url, { maxRetriesPerRequest: null })
    const queue = new Queue('deltas', { connection, prefix, defaultJobOptions: { removeOnComplete: true } })
    await queue.waitUntilReady()
    return {
      async produce(pods) {
        const under = new Set<Promise<unknown>>()
        for (const some of inParts(pods, bulk)) {
          const jobs = some.map(({ text }) => ({ name: 'delta', data: JSON.parse(text) }))
          const added: Promise<unknown> = queue.addBulk(jobs).finally(() => under.delete(added))
          under.add(added)
          if (under.size >= inFlight) await Promise.race(under)
        }
        await Promise.all(under)
      },
      async close() {
        await queue.close()
        connection.disconnect()
      },
    }
  },
  async openConsumer({ url, prefix }, deliver) {
    const connection = new Redis(url, { maxRetriesPerRequest: null })
    const worker = new Worker<ParsedPod>('deltas', async (job) => deliver(job.data), {
      connection,
      prefix,
      concurrency: 100,
    })
    await worker.waitUntilReady()
    return {
      async close() {
        await worker.close()
        connection.disconnect()
      },
    }
  },
}

/** Shared with the other peers: what is sent together. */
export function* inParts(pods: Iterable<Pod>, size: number): Generator<Pod[]> {
  let part: Pod[] = []
  for (const pod of pods) {
    part.push(pod)
    if (part.length < size) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}
