import { setTimeout as timer } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { ClusterSettings } from '../core/config/settings.ts'
import type { Log } from '../core/log.ts'
import type { ShardKeys } from '../core/redis/keys.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import { ClusterGate } from './cluster-gate.ts'
import type { ClusterIdentity } from './cluster-identity.ts'
import { ApiFailure, type Connection } from './connection.ts'
import { demand, triggersOf } from './demand.ts'
import { ListSlots } from './list-slots.ts'
import type { Sleep } from './list-watch.ts'
import { metadataOnly } from './metadata-only.ts'
import { gvkOf, type Query } from './query.ts'
import { ServedKinds } from './served-kinds.ts'
import { forgetStream, type StoredStream, storedStreams } from './stored-streams.ts'
import { Stream, type StreamStatus } from './stream.ts'
import { FencedOff, type StreamScripts, StreamStore } from './stream-store.ts'
import { keepFormer, type PresentStream } from './succession.ts'
import { type WatchFailure, watchFailure } from './watch-failure.ts'
import { WatchListSupport } from './watch-list-support.ts'

export interface StreamsContext {
  readonly settings: ClusterSettings
  readonly clusterId: string
  readonly redis: Redis
  readonly redisAgain: (signal: AbortSignal) => Promise<void>
  readonly shard: ShardKeys
  /** The owner's. */
  readonly token: string
  readonly api: Pick<Connection, 'open' | 'get'> & Partial<Pick<Connection, 'fresh'>>
  /** How a list-watch waits; tests have their own. */
  readonly sleep?: Sleep
  /** Those of the triggers that lost what they had been told of. */
  readonly reset?: (triggers: readonly TriggerRecord[]) => Promise<Set<string>>
  /** Holds the cluster to its identity. */
  readonly identity?: Pick<ClusterIdentity, 'check' | 'doubt'>
  /** How far apart the API server has to say twice that a kind is gone. */
  readonly believedAfterMs?: number
  readonly scripts: StreamScripts
  readonly freshName: () => string
  readonly addDrain: (triggerId: string, drainId: string) => void
  readonly log: Log
}

/** A stream for people; or a kind that is wanted and has none, because it is not served or could not be asked for. */
export interface ToldStream {
  /** Of the stream; of a kind without one, cluster id and gvk. */
  readonly id: string
  readonly gvk: string
  readonly namespace: string
  readonly status: StreamStatus
}

interface Running {
  triggers: readonly TriggerRecord[]
  readonly stream: Stream
  readonly stop: AbortController
  readonly ended: Promise<void>
  /** Who is on it before it is live: its kind was not served, and only who waited for that is told of all that is there. */
  first?: ReadonlySet<string> | undefined
}

/** How often a kind that is not served, or could not be asked for, is asked for again. */
const askAgainMs = 2_000

const fewStreams = 50
const mostSpreadMs = 5_000

/** The streams of an owned cluster: opens what the triggers need, closes what they need no more. */
export class ClusterStreams {
  readonly #c: StreamsContext
  readonly #kinds: ServedKinds
  readonly #watchLists = new WatchListSupport()
  readonly #lists = new ListSlots()
  #gate: ClusterGate | undefined
  readonly #running = new Map<string, Running>()
  /** What Redis holds and nobody has looked at yet. */
  #stored = new Map<string, StoredStream>()
  #triggers: readonly TriggerRecord[] | undefined
  /** The set of triggers that the streams were last brought in line with. */
  #followed: readonly TriggerRecord[] | undefined
  /** Ids of the triggers that were on a stream before the last look opened others. */
  #placed: ReadonlySet<string> = new Set()
  #wake: () => void = () => {}

  constructor(context: StreamsContext) {
    this.#c = context
    this.#kinds = new ServedKinds({ ...context, gate: () => this.#gate, changed: () => this.#wake() })
  }

  setTriggers(triggers: readonly TriggerRecord[]): void {
    this.#triggers = triggers
    this.#wake()
  }

  /** Why the cluster does not answer; undefined while it does, as far as anybody has asked. */
  get outage(): WatchFailure | undefined {
    return this.#gate?.failure
  }

  problems(): string[] {
    if (this.#followed === undefined || this.#followed !== this.#triggers) return ['streams are being opened']
    const problems = [...this.#kinds.unserved].map(([gvk, { reason, message }]) => `${gvk}: ${reason}: ${message}`)
    for (const running of this.#running.values()) {
      const { stream } = running
      const { state, reason, message } = stream.status
      if (state === 'Live' || !named(running)) continue
      const why = reason === undefined ? state : `${state}: ${reason}: ${message}`
      problems.push(`${nameOf(stream.query)}: ${why}`)
    }
    return problems
  }

  /** Every stream there should be; undefined while they are being opened. */
  told(): readonly ToldStream[] | undefined {
    if (this.#followed === undefined) return undefined
    const streams = [...this.#running].map(([id, { stream }]) => {
      const { query, status } = stream
      return { id, gvk: gvkOf(query), namespace: query.namespace, status }
    })
    const watched = new Set(streams.map(({ gvk }) => gvk))
    const kinds = [...this.#kinds.unserved].filter(([gvk]) => !watched.has(gvk))
    return [
      ...streams,
      ...kinds.map(([gvk, why]) => ({ id: `${this.#c.clusterId} ${gvk}`, gvk, namespace: '', status: unserved(why) })),
    ]
  }

  /** Why another watcher may fare better: it is refused here, or nobody has answered for longer than `mostOutageMs`. */
  refusal(mostOutageMs: number): string | undefined {
    if ((this.#gate?.closedMs ?? 0) > mostOutageMs) return 'Unreachable'
    return this.told()?.find(({ status }) => status.state === 'Blocked')?.status.reason
  }

  /** Runs until `signal` aborts; then every stream has ended. `fenced`: a stream was told that this is not the owner. */
  async run(signal: AbortSignal, fenced: () => void): Promise<void> {
    this.#gate = new ClusterGate({ probe: (until) => this.#probe(until), signal })
    const wake = () => this.#wake()
    signal.addEventListener('abort', wake, { once: true })
    try {
      while (!signal.aborted) {
        const triggers = this.#triggers
        const settled = await this.#reconcile(signal, fenced).catch((error: unknown) => {
          if (error instanceof FencedOff) fenced()
          else if (!signal.aborted)
            this.#c.log.warn({ err: watchFailure(error).message }, 'streams could not be brought in line; trying again')
          return false
        })
        // a call that came meanwhile woke nobody
        if (this.#triggers === triggers && !signal.aborted)
          await this.#patience(settled ? this.#kinds.patienceMs : Math.min(askAgainMs, this.#kinds.patienceMs))
      }
    } finally {
      signal.removeEventListener('abort', wake)
      await Promise.all([this.#kinds.close(), ...[...this.#running.values()].map((running) => end(running))])
      this.#running.clear()
    }
  }

  /** Resolves when the API server answered, whatever it said. */
  async #probe(signal: AbortSignal): Promise<void> {
    await this.#c.api.get('/version', signal).catch((error: unknown) => {
      if (!(error instanceof ApiFailure)) throw error
    })
    // whoever comes up where a cluster was down may be another
    this.#c.identity?.doubt()
    await this.#c.identity?.check(signal)
  }

  /** Brings the streams in line with the triggers. Returns false when something is still open. */
  async #reconcile(signal: AbortSignal, fenced: () => void): Promise<boolean> {
    const triggers = this.#triggers
    if (!triggers) return true
    if (this.#stored.size === 0 && this.#running.size === 0)
      this.#stored = await storedStreams(this.#c.redis, this.#c.shard, this.#c.clusterId)
    const mine = triggersOf(this.#c.settings, triggers)
    const served = await this.#kinds.look(mine, this.#doubtful(), signal)
    const wanted = demand(this.#c.clusterId, mine, served)
    const keeping = keepFormer(wanted, mine, this.#present(), this.#kinds)
    this.#placed = new Set([...this.#running.values()].flatMap(({ stream }) => [...stream.attached()]))
    for (const [id, { query, triggers }] of wanted) {
      const running = this.#running.get(id)
      if (running) {
        running.triggers = triggers
        running.stream.setTriggers(await this.#joining(running, triggers))
      } else await this.#start(id, query, triggers, signal, fenced)
      this.#stored.delete(id)
    }
    for (const [id, running] of this.#running) {
      if (wanted.has(id)) continue
      await end(running)
      // if Redis does not take it now, it is still there to be forgotten the next time
      this.#stored.set(id, { query: running.stream.query, attached: [...running.stream.attached()] })
      this.#running.delete(id)
    }
    for (const [id, { query }] of this.#stored) {
      await this.#forget(query)
      this.#stored.delete(id)
    }
    for (const { stream } of this.#running.values()) {
      const gvk = gvkOf(stream.query)
      if (this.#kinds.removed.has(gvk)) stream.removeKind()
      if (this.#kinds.returned.has(gvk)) stream.tryAgain()
    }
    this.#followed = triggers
    const waiting = [...this.#running.values()].some((running) => running.first)
    return !keeping && !waiting && this.#kinds.unserved.size === 0 && this.#doubtful().size === 0
  }

  #present(): Map<string, PresentStream> {
    const present = new Map<string, PresentStream>(this.#stored)
    for (const [id, { stream, triggers }] of this.#running) {
      // one that has not found out yet who is on it is left with who was put there
      const attached = stream.claimed ? [...stream.attached()] : triggers.map((trigger) => trigger.id)
      present.set(id, { query: stream.query, attached, stream })
    }
    return present
  }

  /** Kinds that a stream was told do not exist. */
  #doubtful(): Set<string> {
    const streams = [...this.#running.values()].map(({ stream }) => stream)
    return new Set(streams.filter(({ status }) => status.reason === 'NotFound').map(({ query }) => gvkOf(query)))
  }

  /** Those of the triggers that may be on the stream now. */
  async #joining(running: Running, triggers: readonly TriggerRecord[]): Promise<readonly TriggerRecord[]> {
    const { first, stream } = running
    if (!first) return triggers
    if (!stream.synced) return triggers.filter(({ id }) => first.has(id))
    await this.#kinds.absent.over(gvkOf(stream.query), first)
    running.first = undefined
    return triggers
  }

  async #start(
    id: string,
    query: Query,
    triggers: readonly TriggerRecord[],
    signal: AbortSignal,
    fenced: () => void,
  ): Promise<void> {
    const waiting = await this.#kinds.absent.waiting(gvkOf(query), triggers)
    const first = waiting.size > 0 ? new Set([...waiting, ...(this.#stored.get(id)?.attached ?? [])]) : undefined
    const log = this.#c.log.child({ gvk: gvkOf(query), ...(query.namespace !== '' && { namespace: query.namespace }) })
    const { settings, api, sleep, addDrain, freshName, redisAgain, identity } = this.#c
    const context = {
      cluster: settings.name,
      query,
      store: this.#store(query),
      api: query.metadataOnly ? metadataOnly(api) : api,
      ...(sleep && { sleep }),
      ...(identity && { identity }),
      watchLists: this.#watchLists,
      lists: this.#lists,
      ...(this.#gate && { gate: this.#gate }),
      addDrain,
      freshName,
      redisAgain,
      log,
      first: first ? ('gone' as const) : ('birth' as const),
      onUnknownKind: () => this.#wake(),
    }
    const reset = await this.#resetFor(triggers)
    const joining = first ? triggers.filter((trigger) => first.has(trigger.id)) : triggers
    const stream = new Stream({ ...context, reset, now: () => new Date() }, joining)
    const stop = new AbortController()
    const until = AbortSignal.any([signal, stop.signal])
    const ended = this.#turn(until)
      .then(() => stream.run(until))
      .catch((error: unknown) => {
        if (!(error instanceof FencedOff)) log.error({ err: String(error) }, 'stream ended, which it should not')
        fenced()
      })
    this.#running.set(id, { triggers, stream, stop, ended, first })
  }

  /** Hundreds of streams that start together are spread over a few seconds: each is a request, and may be a connection. */
  #turn(signal: AbortSignal): Promise<void> {
    const spreadMs = Math.min(mostSpreadMs, Math.max(0, this.#running.size - fewStreams) * 5)
    return spreadMs === 0 ? Promise.resolve() : timer(spreadMs * Math.random(), undefined, { signal }).catch(() => {})
  }

  /** Not those that were on another stream before: that one has made up for the loss. */
  async #resetFor(triggers: readonly TriggerRecord[]): Promise<Set<string> | undefined> {
    const mine = triggers.filter(({ id }) => !this.#placed.has(id))
    return mine.length > 0 ? this.#c.reset?.(mine) : undefined
  }

  async #forget(query: Query): Promise<void> {
    await forgetStream(this.#store(query), this.#c.freshName)
    this.#c.log.info({ gvk: gvkOf(query) }, 'nobody needs this stream any more; it is forgotten')
  }

  #store(query: Query): StreamStore {
    const { redis, shard, token, scripts } = this.#c
    return new StreamStore(redis, shard, token, query, scripts)
  }

  async #patience(mostMs: number): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await timer(mostMs, undefined, { signal: woken.signal }).catch(() => {})
    this.#wake = () => {}
  }
}

async function end({ stop, ended }: Running): Promise<void> {
  stop.abort()
  await ended
}

/** Whether any trigger names the kind; what only wildcards want keeps nobody from being ready. */
function named({ stream, triggers }: Running): boolean {
  return triggers.some(({ definition }) => definition.gvk.includes(gvkOf(stream.query)))
}

function nameOf(query: Query): string {
  return query.namespace === '' ? gvkOf(query) : `${gvkOf(query)} in ${query.namespace}`
}

function unserved({ reason, message }: { readonly reason: string; readonly message: string }): StreamStatus {
  const blocked = reason === 'Forbidden' || reason === 'Unauthorized'
  const state = reason === 'NotFound' ? 'Gone' : blocked ? 'Blocked' : 'Retrying'
  return { state, reason, message, objects: 0, resourceVersion: '', lagMs: 0 }
}
