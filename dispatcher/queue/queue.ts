import type { Redis } from 'ioredis'
import { decodeEntry, type Entry } from '../../core/queue/entry.ts'
import type { ShardKeys } from '../../core/redis/keys.ts'
import { loadScript, type Script } from '../../core/redis/script.ts'

/** An object that a drain holds: its oldest waiting deltas, and what is known of the first one's failures. */
export interface Claim {
  readonly object: string
  /** Never used twice: a result names it, so that a repeated result changes nothing. */
  readonly number: string
  /** Failed attempts of `failedId`. */
  readonly attempts: number
  /** Since the first of them. */
  readonly failingForMs: number
  readonly failedId: string
  readonly entries: readonly Entry[]
}

export type Result = { readonly what: 'ok' | 'back'; readonly claim: Claim; readonly delivered: number } | FailureResult

interface Failed {
  readonly claim: Claim
  readonly delivered: number
  readonly attempts: number
  readonly problem: Problem
}

export type FailureResult =
  | (Failed & { readonly what: 'park'; readonly delayMs: number })
  | (Failed & { readonly what: 'dead' })

/** An error as it is kept. */
export interface Problem {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

export interface Turn {
  readonly want: number
  readonly entriesPerObject: number
  readonly running: number
  readonly concurrency: number
  readonly mostDrains: number
  readonly objectsPerDrain: number
  readonly rate?: { readonly perSecond: number; readonly burst: number }
  /** How many claims the drain believes it holds once `results` are in. */
  readonly holds: number
  readonly breaker?: { readonly open: boolean; readonly notBeforeMs: number }
  readonly results: readonly Result[]
  /** The object noted by `suspect` is still being delivered. */
  readonly keepSuspect: boolean
}

export interface Retry {
  readonly id: string
  readonly object: string
  readonly delayMs: number
}

export type TurnAnswer =
  | {
      readonly status: 'OK'
      readonly grant: number
      readonly waitMs: number
      readonly armed: readonly string[]
      readonly retries: readonly Retry[]
      readonly claims: readonly Claim[]
    }
  | { readonly status: 'RELEASED'; readonly armed: readonly string[]; readonly retries: readonly Retry[] }
  | { readonly status: 'RESYNC'; readonly claims: readonly Claim[] }
  | { readonly status: 'FENCED' }

const breakerFirstMs = 1_000
const breakerLongestMs = 60_000

type RawClaim = [
  object: string,
  number: string,
  attempts: string,
  failingForMs: string,
  failedId: string,
  entries: string[],
]

/** The scripts of one shard's work queue; every method is one script and one step. */
export class WorkQueue {
  readonly #keys: ShardKeys
  readonly #scripts: Record<'start' | 'suspect' | 'cycle' | 'unpark' | 'sweep' | 'reclaim', Script>

  constructor(keys: ShardKeys, rewrite?: (source: string) => string) {
    this.#keys = keys
    const load = (name: string) => loadScript(new URL(`${name}.lua`, import.meta.url), rewrite)
    this.#scripts = {
      start: load('drain-start'),
      suspect: load('drain-suspect'),
      cycle: load('drain-cycle'),
      unpark: load('unpark'),
      sweep: load('sweep'),
      reclaim: load('reclaim'),
    }
  }

  async start(
    redis: Redis,
    triggerId: string,
    drainId: string,
    token: string,
    leaseMs: number,
  ): Promise<
    { status: 'OK'; suspect: string; claims: Claim[] } | { status: 'BUSY'; leftMs: number } | { status: 'GONE' }
  > {
    const queue = this.#keys.queue(triggerId)
    const [status, detail, ...claims] = (await this.#scripts.start.run(
      redis,
      [`${queue}:armed`],
      [queue, drainId, token, leaseMs, 1],
    )) as [string, never, ...RawClaim[]]
    if (status === 'BUSY') return { status, leftMs: Number(detail) }
    if (status === 'GONE') return { status }
    return { status: 'OK', suspect: String(detail), claims: claims.map(toClaim) }
  }

  async suspect(redis: Redis, triggerId: string, drainId: string, token: string, object: string): Promise<boolean> {
    const [status] = (await this.#scripts.suspect.run(
      redis,
      [`${this.#keys.queue(triggerId)}:armed`],
      [drainId, token, object],
    )) as [string]
    return status === 'OK'
  }

  async cycle(redis: Redis, triggerId: string, drainId: string, token: string, turn: Turn): Promise<TurnAnswer> {
    const queue = this.#keys.queue(triggerId)
    const breaker = turn.breaker
    const args: (string | number)[] = [
      queue,
      this.#keys.tag,
      drainId,
      token,
      turn.want,
      turn.entriesPerObject,
      turn.running,
      turn.concurrency,
      turn.mostDrains,
      turn.objectsPerDrain,
      turn.rate?.perSecond ?? 0,
      turn.rate?.burst ?? 0,
      turn.holds,
      breaker ? (breaker.open ? 'open' : 'close') : '',
      breakerFirstMs,
      breakerLongestMs,
      Math.round(breaker?.notBeforeMs ?? 0),
      turn.results.length,
      turn.keepSuspect ? 1 : 0,
    ]
    for (const result of turn.results) {
      args.push(result.what, result.claim.object, result.claim.number, result.delivered, detailOf(result))
      args.push(result.what === 'park' ? Math.round(result.delayMs) : 0)
    }
    const answer = (await this.#scripts.cycle.run(redis, [`${queue}:armed`], args)) as [string, ...unknown[]]
    switch (answer[0]) {
      case 'OK':
        return {
          status: 'OK',
          grant: Number(answer[1]),
          waitMs: Number(answer[2]),
          armed: answer[3] as string[],
          retries: toRetries(answer[4] as string[]),
          claims: (answer.slice(5) as RawClaim[]).map(toClaim),
        }
      case 'RELEASED':
        return { status: 'RELEASED', armed: answer[1] as string[], retries: toRetries(answer[2] as string[]) }
      case 'RESYNC':
        return { status: 'RESYNC', claims: (answer.slice(1) as RawClaim[]).map(toClaim) }
      default:
        return { status: 'FENCED' }
    }
  }

  /** Returns the drains whose jobs are to be added. */
  async unpark(redis: Redis, triggerId: string, object: string, retryId: string): Promise<string[]> {
    const queue = this.#keys.queue(triggerId)
    return (await this.#scripts.unpark.run(redis, [`${queue}:parked`], [queue, object, retryId])) as string[]
  }

  async sweep(
    redis: Redis,
    triggerId: string,
    overdueMs: number,
  ): Promise<{ armed: string[]; drains: { id: string; token: string; ageMs: number }[] }> {
    const queue = this.#keys.queue(triggerId)
    const [armed, ...drains] = (await this.#scripts.sweep.run(redis, [`${queue}:parked`], [queue, overdueMs])) as [
      string[],
      ...[string, string, number][],
    ]
    return { armed, drains: drains.map(([id, token, ageMs]) => ({ id, token, ageMs })) }
  }

  async reclaim(
    redis: Redis,
    triggerId: string,
    drainId: string,
    token: string,
    leastAgeMs: number,
  ): Promise<string[]> {
    const queue = this.#keys.queue(triggerId)
    return (await this.#scripts.reclaim.run(redis, [`${queue}:armed`], [queue, drainId, token, leastAgeMs])) as string[]
  }
}

function detailOf(result: Result): string {
  switch (result.what) {
    case 'park':
      return `${result.attempts}\n${result.claim.entries[result.delivered]?.id ?? ''}\n${JSON.stringify(result.problem)}`
    case 'dead':
      return JSON.stringify({ attempts: result.attempts, error: result.problem })
    default:
      return ''
  }
}

function toClaim([object, number, attempts, failingForMs, failedId, entries]: RawClaim): Claim {
  return {
    object,
    number,
    attempts: Number(attempts),
    failingForMs: Number(failingForMs),
    failedId,
    entries: entries.map(decodeEntry),
  }
}

function toRetries(flat: readonly string[]): Retry[] {
  const retries: Retry[] = []
  for (let i = 0; i + 2 < flat.length; i += 3)
    retries.push({ id: flat[i]!, object: flat[i + 1]!, delayMs: Number(flat[i + 2]) })
  return retries
}
