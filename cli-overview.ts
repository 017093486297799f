import type { Redis } from 'ioredis'
import { livingProcesses, type ProcessRole } from './core/presence.ts'
import { installationKeys, shardKeys } from './core/redis/keys.ts'
import {
  type ClusterState,
  livesMs,
  readClusterReports,
  readStreamReports,
  redisNowMs,
  type StreamReport,
} from './core/status.ts'
import { readPublishedNames, readTriggerRecords, type TriggerRecord } from './core/triggers.ts'
import { type Backlog, backlogOf } from './dispatcher/queue/backlog.ts'

/** What `status` tells; scripts rely on the names. */
export interface Overview {
  readonly clusters: readonly ClusterLine[]
  readonly streams: readonly StreamLine[]
  readonly triggers: readonly TriggerLine[]
  readonly processes: readonly { readonly id: string; readonly role: ProcessRole; readonly startedAt: string }[]
}

export interface ClusterLine {
  readonly name: string
  readonly state: ClusterState
  readonly version: string
  readonly reason?: string
  readonly message?: string
}

export interface StreamLine extends Omit<StreamReport, 'heardAtMs' | 'owner'> {
  readonly lagSeconds: number
  /** null: nobody runs it. */
  readonly owner: string | null
}

export interface TriggerLine extends Omit<Backlog, 'breakerOpen' | 'paused'> {
  readonly name: string
  /** As in `function scaled` and `sink audit`. */
  readonly target: string
  /** `Paused`: by hand; an orphan that is paused has that as its reason. */
  readonly state: 'Active' | 'Paused' | 'Orphaned' | 'Dropping'
  readonly reason?: string
  readonly message?: string
}

/** One shard holds everything so far. */
const shard = 0

/** Everything as Redis tells it. `configured`: clusters to tell of even though no watcher has. */
export async function overview(redis: Redis, prefix: string, configured: readonly string[]): Promise<Overview> {
  const keys = installationKeys(prefix)
  const ofShard = shardKeys(prefix, shard)
  const [nowMs, clusterReports, streamReports, records, processes] = await Promise.all([
    redisNowMs(redis),
    readClusterReports(redis, keys),
    readStreamReports(redis, ofShard),
    readTriggerRecords(redis, keys),
    livingProcesses(redis, keys),
  ])
  const living = new Set(processes.map(({ id }) => id))
  const isTold = (cluster: string) => {
    const report = clusterReports.get(cluster)
    // a process that goes on without the cluster tells nothing of it any more
    return report !== undefined && living.has(report.reporter) && nowMs - report.atMs <= livesMs
  }
  const noWatcher = { reason: 'NoWatcher', message: 'no watcher has it: start one, or see the log of those that run' }
  const names = [...new Set([...configured, ...clusterReports.keys()])]
  const clusters = names.map((name): ClusterLine => {
    const report = clusterReports.get(name)
    if (!report || !isTold(name)) return { name, state: 'Pending', version: report?.version ?? '', ...noWatcher }
    const { reporter, atMs, ...told } = report
    return { name, ...told }
  })
  const streams = [...streamReports.values()].map(({ heardAtMs, owner, ...told }): StreamLine => {
    const lagSeconds = Math.max(0, Math.round((nowMs - heardAtMs) / 1_000))
    if (living.has(owner) && isTold(told.cluster)) return { ...told, lagSeconds, owner }
    return { ...told, state: 'Pending', ...noWatcher, lagSeconds, owner: null }
  })
  const published = await readPublishedNames(redis, keys, nowMs - livesMs)
  const triggers = await Promise.all(
    records.map(async (record) =>
      triggerLine(record, await backlogOf(redis, ofShard, record.id), published.has(record.name)),
    ),
  )
  return {
    clusters,
    streams: streams.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    triggers: triggers.sort((a, b) => (a.name < b.name ? -1 : 1)),
    processes: processes.map(({ id, role, startedAt }) => ({ id, role, startedAt })),
  }
}

const states = { active: 'Active', orphaned: 'Orphaned', dropping: 'Dropping' } as const

function triggerLine(
  { name, state, definition: { target } }: TriggerRecord,
  { breakerOpen, paused, ...backlog }: Backlog,
  published: boolean,
): TriggerLine {
  const unserved = !published && state === 'active'
  const why = unserved
    ? { reason: 'NoDispatcher', message: 'no dispatcher that runs has it; what comes for it waits' }
    : paused && state !== 'active'
      ? { reason: 'Paused' }
      : breakerOpen && { reason: 'TargetFailing' }
  return {
    name,
    target: 'sink' in target ? `sink ${target.sink}` : `function ${target.function}`,
    state: paused && state === 'active' ? 'Paused' : states[state],
    ...backlog,
    ...why,
  }
}

function nameOf({ cluster, gvk, namespace }: StreamLine): string {
  return `${cluster} ${gvk} ${namespace}`
}
