import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { ClusterSettings } from '../core/config/settings.ts'
import type { Log } from '../core/log.ts'
import type { Jobs } from '../core/queue/jobs.ts'
import type { InstallationKeys, ShardKeys } from '../core/redis/keys.ts'
import type { Script } from '../core/redis/script.ts'
import type { ClusterState } from '../core/status.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import { adopt } from './adopt-cluster.ts'
import { Backoff } from './backoff.ts'
import type { Candidates } from './candidates.ts'
import { ClusterIdentity, IdentityChanged, readIdentity } from './cluster-identity.ts'
import { clusterRecord } from './cluster-record.ts'
import { ClusterStreams, type StreamsContext, type ToldStream } from './cluster-streams.ts'
import { Connection } from './connection.ts'
import { CoolDown } from './cool-down.ts'
import type { Installation } from './installation.ts'
import { watchLogin } from './login-watch.ts'
import { type Candidate, type OwnerScripts, takeOwnership } from './owner.ts'
import { type Candidacy, courtesyMs } from './spread.ts'
import type { StreamScripts } from './stream-store.ts'
import { watchFailure } from './watch-failure.ts'

/** What every cluster of a watcher shares. */
export interface ClusterContext {
  readonly redis: Redis
  readonly redisAgain: (signal: AbortSignal) => Promise<void>
  readonly keys: InstallationKeys
  readonly shardKeys: (shard: number) => ShardKeys
  readonly jobs: (shard: number) => Jobs
  readonly scripts: { readonly owner: OwnerScripts; readonly stream: StreamScripts; readonly adoption: Script }
  readonly freshName: () => string
  readonly installation: Pick<Installation, 'look' | 'reset'>
  readonly candidates: Pick<Candidates, 'configured' | 'couldTake' | 'leaves'>
  readonly log: Log
}

export interface ClusterStatus {
  readonly state: ClusterState
  readonly reason?: string
  readonly message?: string
}

/** How often a candidate looks whether the cluster still answers it. */
const probeEveryMs = 10_000
const probeTimeoutMs = 3_000
/** So long may a cluster that does not answer its owner keep silent until another one may try. */
const mostOutageMs = 10_000

/** How often it is asked again whether another cluster is accepted in place of the former one. */
const askForConsentMs = 2_000

/**
 * One cluster in one watcher: reaches it, owns it, follows the streams that the triggers need, for ever. What goes wrong
 * here stays here.
 */
export class Cluster {
  readonly name: string
  #settings: ClusterSettings
  readonly #c: ClusterContext
  readonly #log: Log
  #status: ClusterStatus = { state: 'Pending' }
  #triggers: readonly TriggerRecord[] | undefined
  #streams: ClusterStreams | undefined
  #version = ''
  #shard: ShardKeys | undefined
  /** Ends what is under way, to begin again with the settings as they are now. */
  #again = new AbortController()
  #yield: (() => void) | undefined
  readonly #coolDown = new CoolDown()

  constructor(settings: ClusterSettings, context: ClusterContext) {
    this.name = settings.name
    this.#settings = settings
    this.#c = context
    this.#log = context.log.child({ cluster: settings.name })
  }

  get status(): ClusterStatus {
    const outage = this.#streams?.outage
    return outage ? { state: 'Unreachable', reason: outage.reason, message: outage.message } : this.#status
  }

  /** What keeps its streams from being complete; nothing while it is down (see `status`) or another's. */
  problems(): string[] {
    return this.#streams?.problems() ?? []
  }

  /** What its API server says that it is; '' = it was not asked yet. */
  get version(): string {
    return this.#version
  }

  /** Its streams, for people, and where they are reported; undefined while they are being opened, or another's. */
  told(): { readonly shard: ShardKeys; readonly streams: readonly ToldStream[] } | undefined {
    const streams = this.#streams?.told()
    return streams && this.#shard && { shard: this.#shard, streams }
  }

  /** Goes on with other settings of the same cluster: over a connection of its own, from the same checkpoints. */
  change(settings: ClusterSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return
    this.#settings = settings
    this.#log.info('cluster is configured differently; its streams go on from where they are')
    this.#again.abort()
  }

  /** What the other watchers are told. */
  get candidacy(): Candidacy {
    const { state } = this.#status
    return state === 'Owned' ? 'Owned' : state === 'Standby' ? 'Working' : 'Away'
  }

  /** Leaves it to another watcher. */
  giveUp(): void {
    if (!this.#yield) return
    this.#log.info('cluster is given up to a watcher that owns less')
    this.#coolDown.given()
    this.#yield()
  }

  /** Leaves it to another, if there is one that could take it, when this one is refused by the cluster or does not reach it. */
  review(): void {
    const reason = this.#streams?.refusal(mostOutageMs)
    if (!this.#yield || reason === undefined || !this.#c.candidates.couldTake(this.name)) return
    const coolDownMs = this.#coolDown.refused()
    this.#log.warn({ reason, coolDownMs }, 'cluster is given up to another watcher, which may fare better')
    this.#yield()
  }

  /** The triggers in force, of all clusters. */
  setTriggers(triggers: readonly TriggerRecord[]): void {
    this.#triggers = triggers
    this.#streams?.setTriggers(triggers)
  }

  /** Runs until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(Math.random)
    while (!signal.aborted) {
      this.#again = new AbortController()
      const { signal: again } = this.#again
      const end = new AbortController()
      const round = AbortSignal.any([signal, again, end.signal])
      const watching = watchLogin(this.#settings.access, round, {
        changed: () => {
          this.#log.info('the kubeconfig says another login; the streams go on with it from where they are')
          this.#again.abort()
        },
        spoiled: (err) =>
          this.#log.warn({ err }, 'the kubeconfig was changed and cannot be used; going on with what it said before'),
      })
      try {
        await this.#reach(round, () => backoff.reset())
      } catch (error) {
        if (signal.aborted) return
        if (again.aborted && !(error instanceof IdentityChanged)) {
          backoff.reset()
          continue
        }
        const { reason, message, retryAfterMs } = watchFailure(error)
        const before = this.#status
        this.#status = { state: 'Unreachable', reason, message }
        // told once, not at every try
        if (before.reason !== reason)
          this.#log.warn({ reason, err: message }, 'cluster cannot be reached; trying again')
        // which ended the round
        if (error instanceof IdentityChanged) await sleep(askForConsentMs, undefined, { signal }).catch(() => {})
        else await sleep(backoff.nextMs(retryAfterMs), undefined, { signal: round }).catch(() => {})
      } finally {
        end.abort()
        await watching
      }
    }
  }

  async #reach(signal: AbortSignal, reached: () => void): Promise<void> {
    const connection = new Connection(this.#settings.access)
    try {
      this.#version = gitVersion(await connection.get('/version', signal))
      reached()
      this.#status = { state: 'Pending' }
      await this.#own(connection, signal)
    } finally {
      await connection.close()
    }
  }

  async #own(connection: Connection, signal: AbortSignal): Promise<void> {
    const { redis, redisAgain, keys, scripts } = this.#c
    const { installation } = this.#c
    await this.#insist(() => installation.look(), signal)
    await this.#adopt(connection, signal)
    const record = await this.#insist(() => clusterRecord(redis, keys, this.name), signal)
    const identity = new ClusterIdentity({
      name: this.name,
      clusterId: record.id,
      api: connection,
      redis,
      keys,
      changed: () => this.#again.abort(),
    })
    await identity.check(signal)
    const shard = this.#c.shardKeys(record.shard)
    this.#shard = shard
    const ownership = await takeOwnership(
      redis,
      scripts.owner,
      shard.owner(record.id),
      signal,
      this.#candidate(connection, signal),
    )
    this.#log.info({ server: connection.server }, 'watching cluster')
    this.#status = { state: 'Owned' }
    const jobs = this.#c.jobs(record.shard)
    const context: StreamsContext = {
      ...this.#c,
      settings: this.#settings,
      clusterId: record.id,
      shard,
      token: ownership.token,
      api: connection,
      identity,
      reset: (triggers) => installation.reset(triggers),
      scripts: scripts.stream,
      redisAgain,
      addDrain: (triggerId, drainId) => {
        jobs.addDrain(triggerId, drainId).catch((error: Error) => {
          if (!signal.aborted) this.#log.warn({ err: error.message }, 'a drain could not be added; the sweeper will')
        })
      },
      log: this.#log,
    }
    const streams = new ClusterStreams(context)
    this.#streams = streams
    const yielded = new AbortController()
    this.#yield = () => yielded.abort()
    if (this.#triggers) streams.setTriggers(this.#triggers)
    try {
      await streams.run(AbortSignal.any([signal, ownership.signal, yielded.signal]), () => ownership.lose())
      if (ownership.signal.aborted) this.#log.warn('cluster lost to another watcher, or its lease ran out')
    } finally {
      this.#yield = undefined
      this.#streams = undefined
      await ownership.release()
      this.#status = { state: 'Pending' }
    }
  }

  /** What is known of the cluster under a name that nobody uses any more is this one's. */
  async #adopt(connection: Connection, signal: AbortSignal): Promise<void> {
    const { redis, keys, shardKeys, scripts, candidates } = this.#c
    const uid = await readIdentity(connection, signal)
    if (uid === undefined) return
    const options = { redis, keys, shardKeys, script: scripts.adoption, configured: () => candidates.configured() }
    const former = await this.#insist(() => adopt(options, this.name, uid, signal), signal)
    if (former !== undefined) this.#log.info({ former }, 'cluster goes by another name now, and on from where it was')
  }

  #candidate(connection: Connection, signal: AbortSignal): Candidate {
    const { candidates } = this.#c
    let probedAt = performance.now()
    const probe = async () => {
      probedAt = performance.now()
      await connection.get('/version', AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs)]))
    }
    return {
      standby: async () => {
        this.#status = { state: 'Standby' }
        if (performance.now() - probedAt > probeEveryMs) await probe()
      },
      mayTake: async (freeForMs) => {
        const coolingDown = !this.#coolDown.over && candidates.couldTake(this.name)
        if (coolingDown || (freeForMs < courtesyMs && candidates.leaves(this.name))) return false
        // what is found free after a while of waiting is taken only by who reaches it
        if (this.#status.state === 'Standby') await probe()
        return true
      },
    }
  }

  async #insist<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch {
        await this.#c.redisAgain(signal)
      }
    }
  }
}

/** Only shown: an API server that answers anything else is a cluster all the same. */
function gitVersion(body: Buffer): string {
  try {
    return String(JSON.parse(body.toString('utf8')).gitVersion ?? '')
  } catch {
    return ''
  }
}
