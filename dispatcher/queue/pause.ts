import type { Redis } from 'ioredis'
import type { ShardKeys } from '../../core/redis/keys.ts'
import { loadScript, type Script } from '../../core/redis/script.ts'

const objectsPerCall = 200

/** Stops and resumes the deliveries of one trigger, over all dispatchers; its deltas wait in Redis meanwhile. */
export class Pause {
  readonly #keys: ShardKeys
  readonly #pause: Script
  readonly #resume: Script

  constructor(keys: ShardKeys, rewrite?: (source: string) => string) {
    this.#keys = keys
    this.#pause = loadScript(new URL('pause.lua', import.meta.url), rewrite)
    this.#resume = loadScript(new URL('resume.lua', import.meta.url), rewrite)
  }

  /** Returns whether it ran until now. */
  async begin(redis: Redis, triggerId: string): Promise<boolean> {
    return (await this.#pause.run(redis, [`${this.#keys.queue(triggerId)}:pause`], [])) === 1
  }

  /** Returns whether it was paused, and the drains whose jobs are to be added. */
  async end(redis: Redis, triggerId: string): Promise<{ wasPaused: boolean; armed: string[] }> {
    const queue = this.#keys.queue(triggerId)
    let wasPaused = false
    const armed: string[] = []
    for (let more = true; more; ) {
      const answer = await this.#resume.run(redis, [`${queue}:pause`], [queue, objectsPerCall])
      const [paused, drains, objects] = answer as [number, string[], number]
      wasPaused ||= paused === 1
      armed.push(...drains)
      more = objects === objectsPerCall
    }
    return { wasPaused, armed }
  }
}
