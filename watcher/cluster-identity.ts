import type { Redis } from 'ioredis'
import type { InstallationKeys } from '../core/redis/keys.ts'
import { ApiFailure, type Connection } from './connection.ts'

/** Another cluster answers under this name: what is known of the first one says nothing of it. */
export class IdentityChanged extends Error {
  override name = 'IdentityChanged'
  readonly pinned: string
  readonly found: string
  constructor(cluster: string, pinned: string, found: string) {
    super(
      `another cluster answers: its kube-system has the uid ${found}, and ${pinned} was seen before; nothing is told of it ` +
        `until its kubeconfig names the former one again, or deltabridge cluster accept ${cluster}`,
    )
    this.pinned = pinned
    this.found = found
  }
}

/** As it stands in Redis, per cluster id. */
export interface PinnedIdentity {
  readonly uid: string
  /** The uid of a cluster that answered instead, and is not accepted. */
  readonly found?: string
}

/** Whoever may not read it is told nothing. */
const unreadable = new Set([403, 404])

/** What makes a cluster the one that it is: the uid of its kube-system; undefined where nobody may read that. */
export async function readIdentity(api: Pick<Connection, 'get'>, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { metadata } = JSON.parse((await api.get('/api/v1/namespaces/kube-system', signal)).toString('utf8'))
    return typeof metadata?.uid === 'string' ? metadata.uid : undefined
  } catch (error) {
    if (error instanceof ApiFailure && unreadable.has(error.status.code)) return undefined
    throw error
  }
}

export interface ClusterIdentityOptions {
  readonly name: string
  readonly clusterId: string
  readonly api: Pick<Connection, 'get'>
  readonly redis: Redis
  readonly keys: InstallationKeys
  /** Told once when another cluster is found. */
  readonly changed: () => void
}

/** Holds a cluster to the identity that was seen first. */
export class ClusterIdentity {
  readonly #options: ClusterIdentityOptions
  #checked: Promise<void> | undefined

  constructor(options: ClusterIdentityOptions) {
    this.#options = options
  }

  /** Something failed: whoever answers next may be another. */
  doubt(): void {
    this.#checked = undefined
  }

  /** Asks the API server, unless nothing has failed since it was asked. Throws IdentityChanged. */
  check(signal: AbortSignal): Promise<void> {
    const checked = this.#checked ?? this.#check(signal)
    this.#checked = checked
    checked.catch(() => {
      if (this.#checked === checked) this.#checked = undefined
    })
    return checked
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { name, clusterId, api, redis, keys, changed } = this.#options
    const found = await readIdentity(api, signal)
    if (found === undefined) return
    await redis.hsetnx(keys.clusterIdentities, clusterId, JSON.stringify({ uid: found }))
    const pinned: PinnedIdentity = JSON.parse((await redis.hget(keys.clusterIdentities, clusterId))!)
    if (pinned.uid === found) return
    await redis.hset(keys.clusterIdentities, clusterId, JSON.stringify({ uid: pinned.uid, found }))
    changed()
    throw new IdentityChanged(name, pinned.uid, found)
  }
}
