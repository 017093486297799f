import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { InstallationKeys } from './redis/keys.ts'
import { livesMs, redisNowMs } from './status.ts'

export type ProcessRole = 'watcher' | 'dispatcher'

/** A part of the installation that runs, as it stands in Redis. */
export interface ProcessRecord {
  readonly id: string
  readonly role: ProcessRole
  /** RFC 3339, for display. */
  readonly startedAt: string
  /** Last heard of, in ms by Redis' clock. */
  readonly atMs: number
}

/** A process that is known to be there, until it is closed or falls silent. */
export interface Presence {
  readonly id: string
  close(): Promise<void>
}

const beatEveryMs = 5_000

/** Who runs where, for people: the host's name in a container is the pod's. */
export function processId(): string {
  return `${hostname()}/${process.pid}-${randomUUID().slice(0, 4)}`
}

/** Says again and again that this process is there. Redis being away is its connection's to tell. */
export function announce(redis: Redis, keys: InstallationKeys, role: ProcessRole, id = processId()): Presence {
  const stop = new AbortController()
  const startedAt = new Date().toISOString()
  const run = async () => {
    while (!stop.signal.aborted) {
      await beat(redis, keys, { id, role, startedAt }).catch(() => {})
      await sleep(beatEveryMs, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  const running = run()
  return {
    id,
    async close() {
      stop.abort()
      await running
      if (redis.status === 'ready') await redis.hdel(keys.processes, id).catch(() => {})
    },
  }
}

async function beat(redis: Redis, keys: InstallationKeys, process: Omit<ProcessRecord, 'atMs'>): Promise<void> {
  const atMs = await redisNowMs(redis)
  await redis.hset(keys.processes, process.id, JSON.stringify({ ...process, atMs }))
  const silent = (await readRecords(redis, keys)).filter((one) => atMs - one.atMs > 4 * livesMs)
  if (silent.length > 0) await redis.hdel(keys.processes, ...silent.map(({ id }) => id))
}

/** The processes that were heard of lately, the oldest first. */
export async function livingProcesses(redis: Redis, keys: InstallationKeys): Promise<readonly ProcessRecord[]> {
  const nowMs = await redisNowMs(redis)
  const living = (await readRecords(redis, keys)).filter(({ atMs }) => nowMs - atMs <= livesMs)
  return living.sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1))
}

async function readRecords(redis: Redis, keys: InstallationKeys): Promise<ProcessRecord[]> {
  return Object.values(await redis.hgetall(keys.processes)).map((text) => JSON.parse(text))
}
