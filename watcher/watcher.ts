import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Settings } from '../core/config/settings.ts'
import type { Readiness } from '../core/health.ts'
import type { Log } from '../core/log.ts'
import { announce, processId } from '../core/presence.ts'
import { Jobs } from '../core/queue/jobs.ts'
import { connectRedis, mayPass, redisReady } from '../core/redis/connection.ts'
import { type InstallationKeys, installationKeys, shardKeys } from '../core/redis/keys.ts'
import { openInstallation } from '../core/redis/layout.ts'
import { readTriggers } from '../core/triggers.ts'
import { loadAdoption } from './adopt-cluster.ts'
import { Candidates } from './candidates.ts'
import type { Cluster, ClusterContext } from './cluster.ts'
import { Clusters } from './clusters.ts'
import { Installation } from './installation.ts'
import { loadOwnerScripts } from './owner.ts'
import { RemovedClusters } from './removed-clusters.ts'
import { StatusBoard } from './status-board.ts'
import { StreamMetrics } from './stream-metrics.ts'
import { loadStreamScripts } from './stream-store.ts'

/** A running watcher. */
export interface Watcher extends Readiness {
  /** Goes on with these settings: clusters come, change and go. What else changed takes a new process. */
  follow(settings: Settings): void
  /** Stops reading, lets the commits under way finish, gives its clusters up. */
  close(): Promise<void>
  /** Resolves when it cannot go on: what stands in Redis is not for it to touch. */
  readonly failed: Promise<Error>
}

/** How often the set of triggers is looked at: a module dropped into a folder is noticed within this. */
const lookEveryMs = 500
/** So long after a loss of data it may take until every dispatcher has published its triggers again. */
const publishedAgainMs = 30_000
/** How often an owner asks itself whether another would fare better. */
const reviewEveryMs = 2_000
/** Jobs that could not be added are the sweeper's, so the end is not held up for them. */
const closeJobsMs = 2_000

/** Watches the clusters of the settings, as far as the triggers in Redis need it. Redis or clusters being away is waited for. */
export async function startWatcher(settings: Settings, log: Log): Promise<Watcher> {
  const stop = new AbortController()
  const { signal } = stop
  const redis = connectRedis(settings.redis, 'commands')
  const jobsRedis = connectRedis(settings.redis, 'jobs')
  for (const one of [redis, jobsRedis]) one.on('error', () => {})
  tellOutages(redis, log)
  const shards = (shard: number) => shardKeys(settings.redis.prefix, shard)
  const jobs = new Map<number, Jobs>()
  const keys = installationKeys(settings.redis.prefix)
  const id = processId()
  const candidates = new Candidates({
    redis,
    keys,
    id,
    mine: () => clusters.clustered(),
    giveUp: (names) => clusters.giveUp(names),
  })
  const installation = new Installation({
    redis,
    keys,
    lost() {
      log.error(
        'all data in Redis was lost; what is there is told once more as soon as the triggers are published again',
      )
      told = undefined
      // what they are called by now, nobody knows yet
      clusters.setTriggers([])
    },
  })
  const context: ClusterContext = {
    installation,
    redis,
    redisAgain: (until) => redisAgain(redis, until),
    keys,
    shardKeys: shards,
    jobs(shard) {
      const one = jobs.get(shard) ?? new Jobs(jobsRedis, shards(shard))
      jobs.set(shard, one)
      return one
    },
    scripts: { owner: loadOwnerScripts(), stream: loadStreamScripts(), adoption: loadAdoption() },
    freshName: batchNames(),
    candidates,
    log,
  }
  const clusters: Clusters = new Clusters(context, signal)
  let { readiness, clusters: configured } = settings
  let opening = true
  const board = new StatusBoard({ redis, keys, reporter: id, clusters: () => clusters.all })
  const forgetAfterMs = settings.forgetAfterDays * 86_400_000
  const removed = new RemovedClusters({ ...context, configured: () => candidates.configured(), forgetAfterMs })
  /** The revision of the triggers that the clusters were told. */
  let told: string | undefined
  const metrics = new StreamMetrics(() => clusters.all)
  let refused: Error | undefined
  let refusing: string | undefined
  const { promise: failed, resolve: fail } = Promise.withResolvers<Error>()

  async function run(): Promise<void> {
    await opened(
      redis,
      () => openInstallation(redis, context.keys),
      signal,
      (message) => {
        if (refusing !== message) log.error({ err: message }, 'Redis takes nothing; trying again')
        refusing = message
      },
    )
    refusing = undefined
    const following = follow(
      redis,
      keys,
      installation,
      () => told,
      signal,
      (triggers, revision) => {
        told = revision
        installation.remember(triggers)
        clusters.setTriggers(triggers)
      },
    )
    const presence = announce(redis, context.keys, 'watcher', id)
    const telling = board.run(signal)
    // whoever starts knows of the others before it takes anything
    await candidates.beat().catch(() => {})
    opening = false
    clusters.follow(configured)
    const competing = candidates.run(signal)
    const reviewing = reviewAll(clusters, signal)
    const forgetting = removed.run(signal)
    await Promise.all([following, clusters.ended(), competing, reviewing, forgetting])
    await candidates.close()
    await telling
    await presence.close()
  }
  const ending = run().catch((error: Error) => {
    if (signal.aborted) return
    refused = error
    fail(error)
    log.error({ err: error.message }, 'watcher cannot work with this Redis')
  })

  return {
    failed,
    async problems() {
      if (refused) return [refused.message]
      if (redis.status !== 'ready') return ['Redis does not answer']
      if (refusing !== undefined) return [`Redis takes nothing: ${refusing}`]
      if (told === undefined) return ['triggers have not been read yet']
      // whoever waits for readiness and then changes something expects it to be heard by the functions that are there
      const present = await revisionOf(redis, context.keys).catch(() => undefined)
      if (present === undefined) return ['Redis does not answer']
      if (present !== told) return ['triggers have changed and are being read']
      return problemsOf(clusters.all, readiness)
    },
    metrics: () => metrics.text(),
    follow(next) {
      ;({ readiness, clusters: configured } = next)
      if (!opening && !signal.aborted) clusters.follow(configured)
    },
    async close() {
      stop.abort()
      // a Redis that does not answer, on a connection that stands, is waited for no longer than that
      const late = setTimeout(() => redis.disconnect(), settings.drainSeconds * 1000)
      await ending
      clearTimeout(late)
      const closing = Promise.all([...jobs.values()].map((one) => one.close()))
      await Promise.race([closing, sleep(closeJobsMs, undefined, { ref: false })])
      redis.disconnect()
      jobsRedis.disconnect()
    },
  }
}

async function reviewAll(clusters: Clusters, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(reviewEveryMs, undefined, { signal }).catch(() => {})
    for (const cluster of clusters.all) if (!signal.aborted) cluster.review()
  }
}

function problemsOf(clusters: readonly Cluster[], readiness: Settings['readiness']): string[] {
  const down = clusters.filter(({ status }) => status.state === 'Unreachable' || status.state === 'Pending')
  const known = down.filter(({ status }) => status.state === 'Unreachable')
  // one cluster that is known to be down is no reason to take the watcher for broken; all of them are
  const excused = readiness === 'any' && known.length < clusters.length ? known : []
  const problems: string[] = []
  for (const cluster of clusters) {
    if (excused.includes(cluster)) continue
    const { state, reason, message } = cluster.status
    if (down.includes(cluster)) problems.push(`${cluster.name}: ${state}${reason ? `: ${reason}: ${message}` : ''}`)
    for (const problem of cluster.problems()) problems.push(`${cluster.name}: ${problem}`)
  }
  return problems
}

/** Asks until Redis answers; rejects only with what Redis itself or its content says against it. */
async function opened(
  redis: Redis,
  open: () => Promise<void>,
  signal: AbortSignal,
  refused: (message: string) => void,
): Promise<void> {
  for (;;) {
    await redisReady(redis, signal)
    try {
      return await open()
    } catch (error) {
      const unanswered = error instanceof Error && /timed out|closed/i.test(error.message)
      if (mayPass(error)) refused(error.message)
      else if (redis.status === 'ready' && !unanswered) throw error
      await redisAgain(redis, signal)
    }
  }
}

async function redisAgain(redis: Redis, signal: AbortSignal): Promise<void> {
  // a moment, also when it seems to be there: what just failed on it may fail again
  await sleep(250 + 250 * Math.random(), undefined, { signal })
  await redisReady(redis, signal)
}

function tellOutages(redis: Redis, log: Log): void {
  let away = false
  redis.on('error', (error: Error) => {
    if (!away) log.warn({ err: error.message }, 'Redis does not answer; trying again')
    away = true
  })
  redis.on('ready', () => {
    if (away) log.info('Redis answers again')
    away = false
  })
}

async function follow(
  redis: Redis,
  keys: InstallationKeys,
  installation: Installation,
  told: () => string | undefined,
  signal: AbortSignal,
  tell: (triggers: Awaited<ReturnType<typeof readTriggers>>['triggers'], revision: string) => void,
): Promise<void> {
  let lostAt = Number.NEGATIVE_INFINITY
  let following = false
  while (!signal.aborted) {
    try {
      await installation.look()
      if (following && told() === undefined) {
        following = false
        lostAt = performance.now()
      }
      if (!following || (await revisionOf(redis, keys)) !== told()) {
        const { revision, triggers } = await readTriggers(redis, keys)
        const names = new Set(triggers.map(({ name }) => name))
        // streams begin with all who shared them, or whoever is late would not hear of what is there
        const missing = installation.remembered.some((name) => !names.has(name))
        if (!missing || performance.now() - lostAt > publishedAgainMs) {
          tell(triggers, revision)
          following = true
        }
      }
    } catch {
      // Redis is away, which its connection has told: what is known stays in force
    }
    await sleep(lookEveryMs, undefined, { signal }).catch(() => {})
  }
}

async function revisionOf(redis: Redis, keys: ClusterContext['keys']): Promise<string> {
  return (await redis.get(keys.triggersRevision)) ?? '0'
}

/** Names of batches: never used twice, not even by another process. */
function batchNames(): () => string {
  const process = randomUUID().slice(0, 13)
  let n = 0
  return () => `${process}-${(n++).toString(36)}`
}
