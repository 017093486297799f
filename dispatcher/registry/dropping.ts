import type { Redis } from 'ioredis'
import type { Log } from '../../core/log.ts'
import type { Jobs } from '../../core/queue/jobs.ts'
import type { InstallationKeys, ShardKeys } from '../../core/redis/keys.ts'
import { loadScript, type Script } from '../../core/redis/script.ts'
import { readTriggerRecords, type TriggerRecord } from '../../core/triggers.ts'

export interface DroppingOptions {
  readonly redis: Redis
  readonly keys: InstallationKeys
  readonly shard: ShardKeys
  readonly jobs: Pick<Jobs, 'obliterate'>
  readonly log: Log
  /** For watchers to learn that the trigger is not in force any more, before anything of it is removed. */
  readonly noticeMs?: number
  readonly deltasPerCall?: number
  readonly rewrite?: (source: string) => string
}

/** Removes what a dropped trigger left behind, once no stream has it attached any more. Any number of processes may do it at once. */
export class Dropping {
  readonly #options: DroppingOptions
  readonly #detach: Script
  readonly #drop: Script
  readonly #forget: Script

  constructor(options: DroppingOptions) {
    this.#options = options
    this.#detach = loadScript(new URL('detach-unowned.lua', import.meta.url), options.rewrite)
    this.#drop = loadScript(new URL('drop-trigger.lua', import.meta.url), options.rewrite)
    this.#forget = loadScript(new URL('forget-trigger.lua', import.meta.url), options.rewrite)
  }

  /** Goes on with every trigger that is being dropped, as far as it can. */
  async turn(signal: AbortSignal): Promise<void> {
    const { redis, keys, noticeMs = 5_000 } = this.#options
    const records = await readTriggerRecords(redis, keys)
    const dropping = records.filter(({ state }) => state === 'dropping')
    if (dropping.length === 0) return
    const [seconds, micros] = (await redis.time()).map(Number) as [number, number]
    const nowMs = seconds * 1000 + Math.floor(micros / 1000)
    for (const record of dropping) {
      if (nowMs - record.sinceMs < noticeMs || (await this.#attached(record.id))) continue
      await this.#remove(record, signal)
    }
  }

  /** Whether an owner of a cluster has yet to take it off a stream. */
  async #attached(triggerId: string): Promise<boolean> {
    const { redis, shard } = this.#options
    const streams = Object.entries(await redis.hgetall(shard.streams))
    const free = await Promise.all(
      streams.map(([id, query]) => {
        const { clusterId } = JSON.parse(query) as { clusterId: string }
        return this.#detach.run(redis, [shard.owner(clusterId), shard.stream(id), shard.attachments(id)], [triggerId])
      }),
    )
    return free.includes(0)
  }

  async #remove({ id, name }: TriggerRecord, signal: AbortSignal): Promise<void> {
    const { redis, keys, shard, jobs, log, deltasPerCall = 200 } = this.#options
    let [pending, dead] = [0, 0]
    const queue = shard.queue(id)
    for (let more = true; more; ) {
      signal.throwIfAborted()
      const answer = await this.#drop.run(redis, [`${queue}:owned`], [queue, shard.tag, deltasPerCall])
      const [status, waiting, letters] = answer as [string, number, number]
      pending += waiting
      dead += letters
      more = status === 'MORE'
    }
    await jobs.obliterate(id)
    const forgot = await this.#forget.run(redis, [keys.triggers, keys.triggersRevision], [name, id])
    if (forgot === 1) log.warn({ trigger: name, pending, dead }, 'trigger dropped, with the deltas that waited for it')
  }
}
