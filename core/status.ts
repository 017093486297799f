import type { Redis } from 'ioredis'
import type { InstallationKeys, ShardKeys } from './redis/keys.ts'

/**
 * What people are told of a stream. `Blocked`: not allowed. `Invalid`: the API server refuses the request itself.
 * `Suspicious`: a list says that most of it vanished. `Gone`: the kind is not served.
 */
export type StreamState = 'Pending' | 'Syncing' | 'Live' | 'Retrying' | 'Blocked' | 'Invalid' | 'Suspicious' | 'Gone'

/** What is not allowed, and would have to be. */
export interface MissingRule {
  readonly verbs: readonly string[]
  readonly group: string
  readonly resource: string
  /** '' = in all of them, or the resource has none. */
  readonly namespace: string
}

/** A stream, as its owner last saw it. It stays when the owner is gone. */
export interface StreamReport {
  readonly cluster: string
  readonly gvk: string
  /** '' = all. */
  readonly namespace: string
  readonly state: StreamState
  /** In the API's own words. */
  readonly reason?: string
  readonly message?: string
  readonly missing?: MissingRule
  readonly objects: number
  readonly resourceVersion: string
  /** The process that runs it. */
  readonly owner: string
  /** Its last sign of life, bookmarks included, in ms by Redis' clock. */
  readonly heardAtMs: number
}

export type ClusterState =
  /** Not reached, or not owned by anybody yet. */
  | 'Pending'
  /** Reached; another watcher owns it. */
  | 'Standby'
  | 'Owned'
  /** Not to be reached: `reason` and `message` say why. */
  | 'Unreachable'

export interface ClusterReport {
  readonly state: ClusterState
  /** As the API server tells it; '' = not asked yet. */
  readonly version: string
  readonly reason?: string
  readonly message?: string
  /** The process that reports it. */
  readonly reporter: string
  /** In ms by Redis' clock. */
  readonly atMs: number
}

/** After this long without a heartbeat nobody counts on a process any more. */
export const livesMs = 15_000

/** Redis' clock, by which every age is told. */
export async function redisNowMs(redis: Pick<Redis, 'time'>): Promise<number> {
  const [seconds, micros] = (await redis.time()).map(Number) as [number, number]
  return seconds * 1_000 + Math.floor(micros / 1_000)
}

export async function readClusterReports(redis: Redis, keys: InstallationKeys): Promise<Map<string, ClusterReport>> {
  return parsed(await redis.hgetall(keys.clusterReports))
}

/** By the field of the hash. */
export async function readStreamReports(redis: Redis, keys: ShardKeys): Promise<Map<string, StreamReport>> {
  return parsed(await redis.hgetall(keys.streamReports))
}

function parsed<Report>(hash: Readonly<Record<string, string>>): Map<string, Report> {
  return new Map(Object.entries(hash).map(([field, text]) => [field, JSON.parse(text)]))
}
