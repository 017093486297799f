import type { Redis } from 'ioredis'
import { decodeEntry, type Entry, encodeEntry } from '../../core/queue/entry.ts'
import type { ShardKeys } from '../../core/redis/keys.ts'
import { loadScript, type Script } from '../../core/redis/script.ts'
import type { Problem } from './queue.ts'

/** A delta that was given up, as it is kept. */
export interface DeadLetter {
  /** `dead-<number>`; the numbers of one trigger only grow. */
  readonly letter: string
  readonly entry: Entry
  readonly attempts: number
  readonly error: Problem
  readonly firstFailedAtMs: number
  readonly deadAtMs: number
}

export interface DeadLetterLimits {
  readonly maxAgeMs: number
  /** Of each trigger. */
  readonly maxCount: number
}

/** `SUPERSEDED`: a newer delta of the object was delivered or waits. `GONE`: replayed or dropped before. */
export type ReplayOutcome = 'REPLAYED' | 'SUPERSEDED' | 'GONE'

const lettersPerRead = 200
const lettersPerDrop = 500

/** What a trigger could not deliver. */
export class DeadLetters {
  readonly #keys: ShardKeys
  readonly #scripts: Record<'replay' | 'drop' | 'bound', Script>

  constructor(keys: ShardKeys, rewrite?: (source: string) => string) {
    this.#keys = keys
    const load = (name: string) => loadScript(new URL(`dead-${name}.lua`, import.meta.url), rewrite)
    this.#scripts = { replay: load('replay'), drop: load('drop'), bound: load('bound') }
  }

  /** Those that died within these times, the newest first; of one moment in the order of their names, backwards. */
  async *newestFirst(redis: Redis, triggerId: string, sinceMs: number, untilMs: number): AsyncGenerator<DeadLetter> {
    const at = `${this.#keys.queue(triggerId)}:dead:at`
    for (let offset = 0; ; offset += lettersPerRead) {
      const letters = await redis.zrevrangebyscore(at, untilMs, sinceMs, 'LIMIT', offset, lettersPerRead)
      yield* await this.read(redis, triggerId, letters)
      if (letters.length < lettersPerRead) return
    }
  }

  /** Those of them that are there. */
  async read(redis: Redis, triggerId: string, letters: readonly string[]): Promise<DeadLetter[]> {
    if (letters.length === 0) return []
    const queue = this.#keys.queue(triggerId)
    const [values, entries] = await Promise.all([
      redis.hmget(`${queue}:dead`, ...letters),
      redis.hmget(`${queue}:dead:entries`, ...letters),
    ])
    return letters.flatMap((letter, i) => {
      const [value, entry] = [values[i], entries[i]]
      return value && entry ? [{ letter, entry: decodeEntry(entry), ...parseValue(value) }] : []
    })
  }

  /** Puts them at the end of their objects' lines. Returns what became of each, and the drains whose jobs are to be added. */
  async replay(
    redis: Redis,
    triggerId: string,
    letters: readonly DeadLetter[],
    { force = false, dryRun = false }: { readonly force?: boolean; readonly dryRun?: boolean } = {},
  ): Promise<{ readonly outcomes: ReadonlyMap<DeadLetter, ReplayOutcome>; readonly armed: readonly string[] }> {
    const queue = this.#keys.queue(triggerId)
    const oldestFirst = [...letters].sort((a, b) => orderOf(a) - orderOf(b))
    const outcomes = new Map<DeadLetter, ReplayOutcome>()
    const armed: string[] = []
    for (let from = 0; from < oldestFirst.length; from += lettersPerRead) {
      const part = oldestFirst.slice(from, from + lettersPerRead)
      const args = part.flatMap((one) => [
        one.letter,
        orderOf(one),
        encodeEntry({ ...one.entry, replayed: orderOf(one) }),
      ])
      const answer = await this.#scripts.replay.run(
        redis,
        [`${queue}:dead:entries`],
        [queue, force ? 1 : 0, dryRun ? 1 : 0, ...args],
      )
      const [drains, ...told] = answer as [string[], ...ReplayOutcome[]]
      armed.push(...drains)
      part.forEach((one, i) => void outcomes.set(one, told[i]!))
    }
    return { outcomes, armed }
  }

  /** Returns how many were there. */
  async drop(redis: Redis, triggerId: string, letters: readonly string[]): Promise<number> {
    const queue = this.#keys.queue(triggerId)
    let dropped = 0
    for (let from = 0; from < letters.length; from += lettersPerDrop) {
      const part = letters.slice(from, from + lettersPerDrop)
      const answer = await this.#scripts.drop.run(redis, [`${queue}:dead:entries`], [queue, this.#keys.tag, ...part])
      dropped += answer as number
    }
    return dropped
  }

  /** Drops what is too old or too many, the oldest first; returns how many for which. */
  async bound(
    redis: Redis,
    triggerId: string,
    { maxAgeMs, maxCount }: DeadLetterLimits,
  ): Promise<{ readonly aged: number; readonly excess: number }> {
    const queue = this.#keys.queue(triggerId)
    const args = [queue, this.#keys.tag, maxAgeMs, maxCount, lettersPerDrop]
    let [aged, excess] = [0, 0]
    for (let more = true; more; ) {
      const answer = (await this.#scripts.bound.run(redis, [`${queue}:dead:at`], args)) as [number, number]
      aged += answer[0]
      excess += answer[1]
      more = answer[0] + answer[1] === lettersPerDrop
    }
    return { aged, excess }
  }
}

/** Among those of its object: see dead-letters.lua. */
function orderOf({ letter, entry }: DeadLetter): number {
  return entry.replayed ?? Number(letter.slice(letter.lastIndexOf('-') + 1))
}

function parseValue(value: string): Omit<DeadLetter, 'letter' | 'entry'> {
  const [firstFailedAt, deadAt, , ...details] = value.split('\n')
  const { attempts, error } = JSON.parse(details.join('\n')) as Pick<DeadLetter, 'attempts' | 'error'>
  return { attempts, error, firstFailedAtMs: Number(firstFailedAt), deadAtMs: Number(deadAt) }
}
