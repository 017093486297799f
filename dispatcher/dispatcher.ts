import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Settings } from '../core/config/settings.ts'
import type { Log } from '../core/log.ts'
import { announce, type Presence } from '../core/presence.ts'
import { Jobs } from '../core/queue/jobs.ts'
import { connectRedis, mayPass, redisReady } from '../core/redis/connection.ts'
import { installationKeys, type ShardKeys, shardKeys } from '../core/redis/keys.ts'
import { openInstallation } from '../core/redis/layout.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import { DeliveryMetrics } from './delivery-metrics.ts'
import { DeadLetters } from './queue/dead-letters.ts'
import { WorkQueue } from './queue/queue.ts'
import { Dropping } from './registry/dropping.ts'
import { Registry } from './registry/registry.ts'
import { Targets } from './targets.ts'
import { type WorkerTimings, workerTimings } from './trigger-worker.ts'
import { Workers } from './workers.ts'

export interface Dispatcher {
  /** What keeps it from delivering everything; nothing = all is well. */
  problems(): Promise<readonly string[]>
  /** What it counts, in Prometheus' text format. */
  metrics(): Promise<string>
  /** Goes on with other sinks, triggers and delivery settings. What else changed takes a new process. */
  follow(settings: Settings): void
  /** Takes nothing new and finishes what runs, for `drainSeconds` or until `abort`. Its triggers stay in force. */
  close(options?: { readonly abort?: AbortSignal }): Promise<void>
}

export interface DispatcherTimings extends WorkerTimings {
  /** How often the triggers are published. */
  readonly heartbeatMs: number
  /** After its last heartbeat a dispatcher counts as living for this long. */
  readonly livesMs: number
  /** From the end of a trigger until it is removed, for watchers to learn of it. */
  readonly noticeMs: number
  /** How often the functions folder is looked at. */
  readonly pollMs: number
  /** How often a bus is looked for that was not found. */
  readonly checkMs: number
}

export const dispatcherTimings: DispatcherTimings = {
  ...workerTimings,
  heartbeatMs: 5_000,
  livesMs: 15_000,
  noticeMs: 5_000,
  pollMs: 500,
  checkMs: 15_000,
}

/** Everything is in one shard so far. */
const shard = 0
/** After the time of a close, for the last results to reach Redis. */
const closeGraceMs = 2_000
/** A start waits this long for Redis before it goes on in the background. */
const firstContactMs = 2_000

/**
 * Publishes the triggers of this process' functions and sinks, and delivers what comes for them. Rejects when Redis holds the
 * layout of a newer version; with Redis away it starts all the same and keeps trying.
 */
export async function startDispatcher(
  settings: Settings,
  log: Log,
  timings: DispatcherTimings = dispatcherTimings,
): Promise<Dispatcher> {
  const { prefix } = settings.redis
  const keys = installationKeys(prefix)
  const shardsKeys = shardKeys(prefix, shard)
  const stopped = new AbortController()
  const { signal } = stopped
  const commands = connectRedis(settings.redis, 'commands')
  const bull = connectRedis(settings.redis, 'jobs')
  let away: string | undefined = 'not connected yet'
  let fault: string | undefined
  let opened = false
  let presence: Presence | undefined
  /** Also remembers a call that comes while nobody waits for it. */
  let woken = new AbortController()
  const wake = () => woken.abort()

  commands.on('error', (error) => {
    if (away !== error.message)
      log.error({ redis: addressOf(settings), err: error }, 'Redis does not answer; trying again')
    away = error.message
  })
  bull.on('error', () => {})
  commands.on('ready', () => {
    if (away !== undefined && opened) log.info({ redis: addressOf(settings) }, 'Redis answers again')
    away = undefined
    wake()
  })

  const jobs = new Jobs(bull, shardsKeys)
  const queue = new WorkQueue(shardsKeys)
  let assigned: readonly TriggerRecord[] = []
  const metrics = new DeliveryMetrics(() => waiting(commands, shardsKeys, assigned))
  let { deadLetters: bounds } = settings
  const deadLetters = {
    store: new DeadLetters(shardsKeys),
    limits: () => ({ maxAgeMs: bounds.maxAgeDays * 86_400_000, maxCount: bounds.maxCount }),
  }
  const workers = new Workers(
    { commands, bull, keys: shardsKeys, queue, jobs, log, metrics, deadLetters, timings },
    settings.drainSeconds * 1000,
  )
  const orphanMs = settings.orphanSeconds * 1000
  const registry = new Registry({ redis: commands, keys, log, orphanMs, livesMs: timings.livesMs })
  const { noticeMs } = timings
  const dropping = new Dropping({ redis: commands, keys, shard: shardsKeys, jobs, log, noticeMs })
  const targets = await Targets.open(settings, log, { ...timings, onChange: wake })

  async function heartbeat(): Promise<void> {
    await redisReady(commands, signal)
    if (!opened) await openInstallation(commands, keys)
    opened = true
    presence ??= announce(commands, keys, 'dispatcher')
    registry.set(targets.definitions())
    const assignments = targets.assignments(await registry.publish())
    assigned = assignments.map(({ record }) => record)
    workers.follow(assignments)
    fault = undefined
  }

  /** Does it again and again, sooner when woken; a failure is told once. */
  async function repeat(what: string, work: () => Promise<void>, pause: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await work()
      } catch (error) {
        if (signal.aborted) return
        const { message } = error as Error
        if (fault !== message && commands.status === 'ready') log.error({ err: error }, `${what} failed; trying again`)
        fault = message
      }
      await pause()
    }
  }

  const paused = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {})
  const untilWoken = async () => {
    await sleep(timings.heartbeatMs, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(() => {})
    woken = new AbortController()
  }

  function disconnect(): void {
    commands.disconnect()
    bull.disconnect()
  }

  async function shut(abort?: AbortSignal): Promise<void> {
    stopped.abort(new Error('the dispatcher is closing'))
    const late = AbortSignal.any([AbortSignal.timeout(settings.drainSeconds * 1000), ...(abort ? [abort] : [])])
    const ended = new AbortController()
    // a Redis that does not answer, on a connection that stands, is waited for no longer than a handler is
    const cutting = abortedFor(late, closeGraceMs, ended.signal).then(disconnect, () => {})
    await loops
    await workers.close(abort)
    await targets.close()
    await presence?.close()
    if (commands.status === 'ready') await registry.close().catch(() => {})
    // without Redis a close would wait for it
    if (bull.status === 'ready') await jobs.close().catch(() => {})
    ended.abort()
    await cutting
    disconnect()
  }

  let loops: Promise<unknown> = Promise.resolve()
  const contact = AbortSignal.any([signal, AbortSignal.timeout(firstContactMs)])
  if (
    await redisReady(commands, contact).then(
      () => true,
      () => false,
    )
  ) {
    try {
      await heartbeat()
    } catch (error) {
      if (commands.status === 'ready' && !mayPass(error)) {
        await shut()
        throw error
      }
    }
  }
  loops = Promise.all([
    repeat('publishing the triggers', heartbeat, untilWoken),
    repeat(
      'dropping withdrawn triggers',
      () => (opened ? dropping.turn(signal) : Promise.resolve()),
      () => paused(timings.heartbeatMs),
    ),
  ])

  let closing: Promise<void> | undefined
  return {
    async problems() {
      const redis = away === undefined ? fault : `Redis at ${addressOf(settings)} does not answer: ${away}`
      return [...(redis === undefined ? [] : [redis]), ...targets.problems(), ...registry.problems()]
    },
    metrics: () => metrics.text(),
    follow(next) {
      bounds = next.deadLetters
      targets.follow(next)
    },
    close: ({ abort } = {}) => (closing ??= shut(abort)),
  }
}

/** What waits for each trigger, and what failed for good; nothing while Redis is away. */
async function waiting(redis: Redis, keys: ShardKeys, triggers: readonly TriggerRecord[]) {
  if (redis.status !== 'ready') return []
  return Promise.all(
    triggers.map(async ({ id, name }) => ({
      trigger: name,
      pending: Number((await redis.get(`${keys.queue(id)}:pending`)) ?? 0),
      dead: await redis.hlen(`${keys.queue(id)}:dead`),
    })),
  )
}

/** Without the password that a URL may carry. */
function addressOf({ redis }: Settings): string {
  return new URL(redis.url).host
}

/** Resolves so long after `signal` has aborted; rejects when `ended` aborts first. */
async function abortedFor(signal: AbortSignal, ms: number, ended: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort', { signal: ended })
  await sleep(ms, undefined, { signal: ended })
}
