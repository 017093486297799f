import type { Redis } from 'ioredis'
import { readPayloads } from '../core/queue/payloads.ts'
import type { ShardKeys } from '../core/redis/keys.ts'
import { loadScript, type Script } from '../core/redis/script.ts'
import type { Batch, Phase, Push } from './batch.ts'
import { decodeKnown, encodeKnown, Known } from './known.ts'
import { positionOf, type Query, streamId } from './query.ts'

/** The owner lost its lease: somebody else has the cluster now, or nobody. */
export class FencedOff extends Error {
  override name = 'FencedOff'
  constructor(clusterId: string) {
    super(`this process is no longer the owner of cluster ${clusterId}`)
  }
}

/** What Redis holds of a stream is not what this process thinks: it starts over from what Redis holds. */
export class Rewound extends Error {
  override name = 'Rewound'
}

/** What was seen of one resource of a cluster. */
export interface Position {
  /** How often it has gone back in time. */
  readonly n: number
  /** The highest resourceVersion since; '' before the first. */
  readonly highest: string
}

/** A stream as it stands in Redis. */
export interface StreamRecord {
  readonly phase: Phase
  readonly resourceVersion: string
  readonly revision: string
  /** How often the resource had gone back in time when the stream last went live. */
  readonly n: number
  readonly position: Position
  readonly known: Known
  /** trigger id -> hash of the definition that is attached */
  readonly attachments: Map<string, string>
  readonly lastBatch: string
}

export interface CommitRequest {
  readonly batch: Batch
  readonly pushes: readonly Push[]
  readonly prev: string
  readonly revision: string
  readonly phase: Phase
  readonly resourceVersion: string
  readonly n: number
  /** It was sent before, and whether it applied is not known. */
  readonly again?: boolean
}

/** A payload hash that no commit has made permanent goes by itself after this. */
const payloadExpiryMs = 60_000

/** The scripts by which a cluster's owner changes one stream; every method is one step, or repeats until it is. */
export class StreamStore {
  readonly #redis: Redis
  readonly #keys: ShardKeys
  readonly #token: string
  readonly #query: Query
  readonly #id: string
  readonly #scripts: StreamScripts

  constructor(redis: Redis, keys: ShardKeys, token: string, query: Query, scripts: StreamScripts) {
    this.#redis = redis
    this.#keys = keys
    this.#token = token
    this.#query = query
    this.#id = streamId(query)
    this.#scripts = scripts
  }

  get #owner(): string {
    return this.#keys.owner(this.#query.clusterId)
  }

  get #positions(): string {
    return this.#keys.positions(this.#query.clusterId)
  }

  /** The one way back: from here on no earlier batch can apply. Creates the stream where there is none. */
  async claim(fresh: string, first: 'birth' | 'gone' = 'birth'): Promise<StreamRecord> {
    const { stream, streams, attachments: attached } = this.#keys
    const keys = [this.#owner, stream(this.#id), streams, attached(this.#id), this.#positions]
    const args = [this.#token, fresh, this.#id, JSON.stringify(this.#query), positionOf(this.#query), first]
    const [status, phase, resourceVersion, revision, n, attachments, counted, highest] = (await this.#scripts.claim.run(
      this.#redis,
      keys,
      args,
    )) as [string, Phase | 'dropping', string, string, string, string[], number, string]
    if (status === 'FENCED') throw new FencedOff(this.#query.clusterId)
    if (phase === 'dropping') {
      // it was being forgotten when its owner was lost: that is finished first, then it begins anew
      await this.drop(`${fresh}.drop`)
      return this.claim(`${fresh}.anew`, first)
    }
    return {
      phase,
      resourceVersion,
      revision,
      n: Number(n),
      position: { n: counted, highest },
      known: await this.#readKnown(),
      attachments: new Map(pairs(attachments)),
      lastBatch: fresh,
    }
  }

  /** Where the resource of the stream was seen last, by any stream. */
  async position(): Promise<Position> {
    const [n = '0', highest = ''] =
      (await this.#redis.hget(this.#positions, positionOf(this.#query)))?.split('\n') ?? []
    return { n: Number(n), highest }
  }

  /** The resource is found at `resourceVersion`, before where it was; returns how often it has gone back in time. */
  async countRewind(before: Position, resourceVersion: string): Promise<number> {
    const [status, n] = (await this.#scripts.countRewind.run(
      this.#redis,
      [this.#owner, this.#positions],
      [this.#token, positionOf(this.#query), before.n, resourceVersion],
    )) as [string, number]
    if (status === 'FENCED') throw new FencedOff(this.#query.clusterId)
    return n
  }

  async #readKnown(): Promise<Known> {
    const known = new Known()
    let cursor = '0'
    do {
      const [next, flat] = await this.#redis.hscan(this.#keys.known(this.#id), cursor, 'COUNT', 1_000)
      for (let i = 0; i + 1 < flat.length; i += 2) known.put(flat[i]!, decodeKnown(flat[i + 1]!))
      cursor = next
    } while (cursor !== '0')
    return known
  }

  /** Puts a trigger on the stream or swaps its definition (`hash`), or takes it off (undefined). Returns the new revision. */
  async attach(lastBatch: string, triggerId: string, hash: string | undefined): Promise<string> {
    const keys = [this.#owner, this.#keys.stream(this.#id), this.#keys.attachments(this.#id)]
    const [status, revision] = (await this.#scripts.attach.run(this.#redis, keys, [
      this.#token,
      lastBatch,
      triggerId,
      hash ?? '',
    ])) as [string, string]
    if (status === 'FENCED') throw new FencedOff(this.#query.clusterId)
    if (status !== 'OK') throw new Rewound(`attach answered ${status}`)
    return revision
  }

  /** Returns the drains (trigger id, drain id) whose jobs are to be added. */
  async commit(request: CommitRequest): Promise<[triggerId: string, drainId: string][]> {
    const { batch, pushes } = request
    const payloads = [...batch.payloads(pushes)]
    const puts = [...batch.draft.puts()]
    const deletes = [...batch.draft.deletes()]
    const args: (string | number)[] = [
      this.#keys.tag,
      this.#token,
      request.prev,
      batch.name,
      request.revision,
      request.phase,
      request.resourceVersion,
      request.n,
      positionOf(this.#query),
      payloads.length > 0 ? batch.name : '',
      puts.length,
      deletes.length,
      pushes.length,
    ]
    for (const [uid, object] of puts) args.push(uid, object.key, encodeKnown(object), object.payload)
    for (const [uid, key] of deletes) args.push(uid, key)
    for (const push of pushes) args.push(push.triggerId, push.mailbox, push.entry)
    const { stream, known, names } = this.#keys
    const keys = [this.#owner, stream(this.#id), known(this.#id), names(this.#id), this.#positions]
    for (let write = !request.again; ; write = true) {
      if (write) this.#writePayloads(batch.name, payloads)
      const [status, ...drains] = (await this.#scripts.commit.run(this.#redis, keys, args)) as [string, ...string[]]
      if (status === 'OK' || status === 'ALREADY') return pairs(drains)
      if (status === 'FENCED') throw new FencedOff(this.#query.clusterId)
      if (status !== 'RESEND') throw new Rewound(`commit answered ${status}`)
    }
  }

  /**
   * Not awaited: the commit goes right behind on the same connection and looks whether they are there. Where they wait is
   * not where the commit puts them, so that a write of a connection that was given up cannot reach what is committed.
   */
  #writePayloads(batch: string, payloads: readonly [field: string, bytes: Buffer][]): void {
    if (payloads.length === 0) return
    const key = `${this.#keys.payloads(batch)}:waiting`
    this.#redis
      .multi()
      .hset(key, ...payloads.flat())
      .pexpire(key, payloadExpiryMs)
      .exec()
      .catch(() => {})
  }

  payloads(references: ReadonlySet<string>): Promise<Map<string, Buffer>> {
    return readPayloads(this.#redis, this.#keys, references)
  }

  /** Forgets the stream. Nothing may be attached to it any more. */
  async drop(fresh: string): Promise<void> {
    const { stream, known, names, attachments, streams } = this.#keys
    const keys = [this.#owner, stream(this.#id), known(this.#id), names(this.#id), attachments(this.#id), streams]
    let cursor = '0'
    for (let i = 0; ; i++) {
      const [status, next] = (await this.#scripts.drop.run(this.#redis, keys, [
        this.#token,
        this.#keys.tag,
        this.#id,
        `${fresh}.${i}`,
        500,
        cursor,
      ])) as [string, string | undefined]
      if (status === 'DROPPED') return
      if (status === 'FENCED') throw new FencedOff(this.#query.clusterId)
      if (status === 'ATTACHED') throw new Rewound('a trigger is on a stream that was to be dropped')
      cursor = next ?? '0'
    }
  }
}

export type StreamScripts = Record<'claim' | 'attach' | 'commit' | 'countRewind' | 'drop', Script>

/** Loads the scripts; `rewrite` is for tests that make single calls fail. */
export function loadStreamScripts(rewrite?: (source: string) => string): StreamScripts {
  const load = (name: string) => loadScript(new URL(`${name}.lua`, import.meta.url), rewrite)
  return {
    claim: load('claim-stream'),
    attach: load('attach'),
    commit: load('commit'),
    countRewind: load('count-rewind'),
    drop: load('drop-stream'),
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) list.push([flat[i]!, flat[i + 1]!])
  return list
}
