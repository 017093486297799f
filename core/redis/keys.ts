/**
 * Every key in Redis, by name. What changes together shares a hash tag: a shard holds the streams, mailboxes and
 * payloads of its clusters under `{<prefix>:<shard>}`; what belongs to the installation as a whole stands under `{<prefix>}`.
 */
export interface InstallationKeys {
  /** hash: cluster name -> `{ id, shard }` */
  readonly clusters: string
  /** hash: trigger name -> trigger record (see core/triggers.ts) */
  readonly triggers: string
  /** counter that moves whenever a trigger record changes */
  readonly triggersRevision: string
  /** hash: publishing process -> when it was last heard of, and a line `<name> <hash>` per trigger */
  readonly publishers: string
  /** hash: process id -> what it is and when it was last heard of (see core/presence.ts) */
  readonly processes: string
  /** hash: watcher's process id -> when it was last heard of, and what it says of its clusters (see watcher/candidates.ts) */
  readonly watchers: string
  /** hash: cluster name -> since when nobody configures it, in ms by Redis' clock */
  readonly clustersRemoved: string
  /** hash: cluster id -> the identity it is held to (see watcher/cluster-identity.ts) */
  readonly clusterIdentities: string
  /** hash: cluster name -> its report (see core/status.ts) */
  readonly clusterReports: string
  /** counter for the ids of clusters and triggers */
  readonly ids: string
  /** the name that the installation was given when it was empty, marked `lost` when all data had been lost */
  readonly installation: string
  /** hash with an expiry: names of the triggers that were in force when all data was lost */
  readonly resetTriggers: string
  /** the layout's version, so that an older process refuses a newer one */
  readonly layout: string
}

export interface ShardKeys {
  readonly tag: string
  /** string with an expiry: the token of the watcher that owns the cluster */
  owner(clusterId: string): string
  /** hash: group/resource -> the highest position it was seen at, and how often it went back in time */
  positions(clusterId: string): string
  /** hash: `<gvk> <trigger id>` of who waits for a kind that is not served */
  absent(clusterId: string): string
  /** hash: stream id -> its query (JSON) */
  readonly streams: string
  /** hash: stream id, or cluster id and gvk of a kind that has no stream -> its report (see core/status.ts) */
  readonly streamReports: string
  /** hash: phase, resourceVersion, lastBatch, revision, n */
  stream(streamId: string): string
  /** hash: uid -> known value */
  known(streamId: string): string
  /** hash: object key -> uid */
  names(streamId: string): string
  /** hash: trigger id -> hash of the definition that is attached */
  attachments(streamId: string): string
  /** prefix of a trigger's queue keys; the scripts append `:ready`, `:parked`, ... */
  queue(triggerId: string): string
  /** hash: field -> payload bytes, `#<field>` -> references */
  payloads(batch: string): string
  /** BullMQ's own keys */
  readonly bullPrefix: string
}

/** The layout of keys and values in Redis; a process refuses a newer one than its own. */
export const layoutVersion = 1

export function installationKeys(prefix: string): InstallationKeys {
  const tag = `{${prefix}}`
  return {
    clusters: `${tag}:clusters`,
    triggers: `${tag}:triggers`,
    triggersRevision: `${tag}:triggers:revision`,
    publishers: `${tag}:publishers`,
    processes: `${tag}:processes`,
    watchers: `${tag}:watchers`,
    clustersRemoved: `${tag}:clusters:removed`,
    clusterIdentities: `${tag}:clusters:identities`,
    clusterReports: `${tag}:clusters:reports`,
    ids: `${tag}:ids`,
    installation: `${tag}:installation`,
    resetTriggers: `${tag}:triggers:reset`,
    layout: `${tag}:layout`,
  }
}

export function shardKeys(prefix: string, shard: number): ShardKeys {
  const tag = `{${prefix}:${shard}}`
  return {
    tag,
    owner: (clusterId) => `${tag}:c:${clusterId}:owner`,
    absent: (clusterId) => `${tag}:c:${clusterId}:absent`,
    positions: (clusterId) => `${tag}:c:${clusterId}:positions`,
    streams: `${tag}:streams`,
    streamReports: `${tag}:streams:reports`,
    stream: (streamId) => `${tag}:s:${streamId}`,
    known: (streamId) => `${tag}:s:${streamId}:known`,
    names: (streamId) => `${tag}:s:${streamId}:names`,
    attachments: (streamId) => `${tag}:s:${streamId}:attachments`,
    queue: (triggerId) => `${tag}:t:${triggerId}`,
    payloads: (batch) => `${tag}:p:${batch}`,
    bullPrefix: `${tag}:bull`,
  }
}
