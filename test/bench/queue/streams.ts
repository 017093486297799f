import { Redis } from 'ioredis'
import { inParts } from './bullmq.ts'
import type { Contender } from './contender.ts'

const together = 100
const inFlight = 4
const group = 'dispatchers'

type Entry = [id: string, fields: string[]]

/** A Redis Stream and one consumer of a group: what moving the bytes costs at the least; no order under retry, no retry. */
export const streams: Contender = {
  async openProducer({ url, prefix }) {
    const redis = new Redis(url)
    return {
      async produce(pods) {
        const under = new Set<Promise<unknown>>()
        for (const some of inParts(pods, together)) {
          const pipeline = redis.pipeline()
          for (const { text } of some) pipeline.xadd(prefix, '*', 'object', text)
          const added: Promise<unknown> = pipeline.exec().finally(() => under.delete(added))
          under.add(added)
          if (under.size >= inFlight) await Promise.race(under)
        }
        await Promise.all(under)
      },
      async close() {
        redis.disconnect()
      },
    }
  },
  async openConsumer({ url, prefix }, deliver) {
    const redis = new Redis(url)
    const acknowledging = new Redis(url)
    await redis.xgroup('CREATE', prefix, group, '$', 'MKSTREAM')
    let closed = false
    async function consume(): Promise<void> {
      while (!closed) {
        const answer = await redis.xreadgroup('GROUP', group, 'one', 'COUNT', 100, 'BLOCK', 100, 'STREAMS', prefix, '>')
        for (const [, entries] of (answer ?? []) as [string, Entry[]][]) {
          for (const [, [, text]] of entries) deliver(JSON.parse(text!))
          const ids = entries.map(([id]) => id)
          await acknowledging
            .pipeline()
            .xack(prefix, group, ...ids)
            .xdel(prefix, ...ids)
            .exec()
        }
      }
    }
    const consuming = consume()
    return {
      async close() {
        closed = true
        await consuming
        redis.disconnect()
        acknowledging.disconnect()
      },
    }
  },
}
