import type { Redis } from 'ioredis'
import type { ShardKeys } from '../core/redis/keys.ts'
import type { Query } from './query.ts'
import type { StreamStore } from './stream-store.ts'

/** A stream as it was left in Redis, by this process or one before it. */
export interface StoredStream {
  readonly query: Query
  /** Ids of the triggers that are on it. */
  readonly attached: readonly string[]
}

/** The streams of one cluster that Redis knows, by stream id. */
export async function storedStreams(
  redis: Redis,
  keys: ShardKeys,
  clusterId: string,
): Promise<Map<string, StoredStream>> {
  const stored = new Map<string, StoredStream>()
  for (const [id, text] of Object.entries(await redis.hgetall(keys.streams))) {
    const query: Query = JSON.parse(text)
    if (query.clusterId === clusterId) stored.set(id, { query, attached: await redis.hkeys(keys.attachments(id)) })
  }
  return stored
}

/** Takes every trigger off a stream that is not running and removes what is known of it. What waits in mailboxes stays. */
export async function forgetStream(store: StreamStore, freshName: () => string): Promise<void> {
  const { attachments, lastBatch } = await store.claim(freshName())
  for (const triggerId of attachments.keys()) await store.attach(lastBatch, triggerId, undefined)
  await store.drop(freshName())
}
