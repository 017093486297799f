import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Log } from '../../core/log.ts'
import type { InstallationKeys } from '../../core/redis/keys.ts'
import { loadScript, type Script } from '../../core/redis/script.ts'
import { definitionHash, parseTriggerRecord, type TriggerDefinition, type TriggerRecord } from '../../core/triggers.ts'

export interface RegistryOptions {
  readonly redis: Redis
  readonly keys: InstallationKeys
  readonly log: Log
  /** How long a withdrawn trigger's deltas are kept. */
  readonly orphanMs: number
  /** After its last heartbeat a process counts as living for this long. */
  readonly livesMs?: number
  /** For tests, which make single calls fail. */
  readonly rewrite?: (source: string) => string
}

interface Wanted {
  readonly definition: TriggerDefinition
  readonly hash: string
  /** This process saw the definition change, and Redis has not been told. */
  readonly edited: boolean
}

/**
 * The triggers that this process has the targets of, as they are published in Redis. What a living process takes back is
 * withdrawn; what a process merely does not have when it starts is not: an empty folder loses nothing.
 */
export class Registry {
  readonly #options: RegistryOptions
  readonly #script: Script
  readonly #process = randomUUID()
  #wanted: ReadonlyMap<string, Wanted> = new Map()
  /** Taken back, and Redis has not been told. */
  readonly #withdrawn = new Set<string>()
  #published: readonly TriggerRecord[] = []

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#script = loadScript(new URL('publish.lua', import.meta.url), options.rewrite)
  }

  /** What this process has the targets of from now on. Told to Redis by the next `publish`. */
  set(definitions: readonly TriggerDefinition[]): void {
    const wanted = new Map<string, Wanted>()
    for (const definition of definitions) {
      const hash = definitionHash(definition)
      const before = this.#wanted.get(definition.name)
      const edited = before !== undefined && (before.edited || before.hash !== hash)
      wanted.set(definition.name, { definition, hash, edited })
      this.#withdrawn.delete(definition.name)
    }
    for (const name of this.#wanted.keys()) {
      if (!wanted.has(name)) this.#withdrawn.add(name)
    }
    this.#wanted = wanted
  }

  /** Tells Redis; also the heartbeat. Returns the records of what this process publishes. */
  async publish(): Promise<readonly TriggerRecord[]> {
    const { redis, keys, log, orphanMs, livesMs = 15_000 } = this.#options
    const wanted = this.#wanted
    const withdrawn = [...this.#withdrawn]
    const args: (string | number)[] = [this.#process, livesMs, orphanMs, wanted.size, withdrawn.length]
    for (const [name, { hash, definition, edited }] of wanted)
      args.push(name, hash, JSON.stringify(definition), edited ? 1 : 0)
    args.push(...withdrawn)
    const names = [keys.triggers, keys.publishers, keys.triggersRevision, keys.ids]
    const [, mine, told] = (await this.#script.run(redis, names, args)) as [number, string[], string[]]
    for (const name of withdrawn) if (!this.#wanted.has(name)) this.#withdrawn.delete(name)
    if (this.#wanted === wanted)
      this.#wanted = new Map([...wanted].map(([name, one]) => [name, { ...one, edited: false }]))
    for (const record of recordsOf(told)) {
      if (record.state === 'orphaned')
        log.warn(
          { trigger: record.name, keptSeconds: orphanMs / 1000 },
          'trigger withdrawn; its deltas are kept for a while',
        )
      else log.warn({ trigger: record.name }, 'nobody published the withdrawn trigger again; dropping it')
    }
    this.#published = recordsOf(mine)
    return this.#published
  }

  /** Triggers whose definition in force is not ours. */
  problems(): string[] {
    return this.#published.flatMap(({ name, hash, state }) => {
      const ours = this.#wanted.get(name)
      if (!ours || state === 'dropping' || hash === ours.hash) return []
      return [
        `trigger ${name}: another dispatcher publishes a different definition, changed later, which is in force: make both the same`,
      ]
    })
  }

  /** This process counts as living no longer. It withdraws nothing: its triggers stay in force. */
  async close(): Promise<void> {
    await this.#options.redis.hdel(this.#options.keys.publishers, this.#process)
  }
}

function recordsOf(flat: readonly string[]): TriggerRecord[] {
  const records: TriggerRecord[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) records.push(parseTriggerRecord(flat[i]!, flat[i + 1]!))
  return records
}
