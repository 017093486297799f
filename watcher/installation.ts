import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { InstallationKeys } from '../core/redis/keys.ts'
import { openInstallation } from '../core/redis/layout.ts'
import type { TriggerRecord } from '../core/triggers.ts'

export interface InstallationOptions {
  readonly redis: Redis
  readonly keys: InstallationKeys
  /** Told at once, before anything is put where the lost data was. */
  readonly lost: () => void
}

/** So long after a loss a stream that begins makes up for it: a cluster may be down meanwhile. */
const makeUpForMs = 3_600_000

/**
 * What Redis holds, as this process remembers it by a name that is given once: where another one stands, or none, all data
 * was lost. For the triggers that were there before, what is there now is told once more.
 */
export class Installation {
  readonly #options: InstallationOptions
  #id: string | undefined
  #names: readonly string[] = []

  constructor(options: InstallationOptions) {
    this.#options = options
  }

  /** The names of the triggers that were in force when the data was lost. */
  get remembered(): readonly string[] {
    return this.#names
  }

  remember(triggers: readonly TriggerRecord[]): void {
    this.#names = triggers.map(({ name }) => name)
  }

  /** Finds out whether data was lost. */
  async look(): Promise<void> {
    const { redis, keys, lost } = this.#options
    const found = await redis.get(keys.installation)
    if (found !== null && found === this.#id) return
    if (this.#id === undefined) {
      this.#id = found ?? (await this.#name(''))
      return
    }
    lost()
    await openInstallation(redis, keys)
    const names = this.#names.flatMap((name) => [name, '1'])
    if (names.length > 0)
      await redis
        .multi()
        .hset(keys.resetTriggers, ...names)
        .pexpire(keys.resetTriggers, makeUpForMs)
        .exec()
    this.#id = found ?? (await this.#name(' lost'))
  }

  /** Those of the triggers for whom a stream that begins has to make up for lost data. */
  async reset(triggers: readonly TriggerRecord[]): Promise<Set<string>> {
    const { redis, keys } = this.#options
    const noted = await redis.hmget(keys.resetTriggers, ...triggers.map(({ name }) => name))
    return new Set(triggers.filter((_, i) => noted[i] !== null).map(({ id }) => id))
  }

  async #name(mark: string): Promise<string> {
    const { redis, keys } = this.#options
    await redis.set(keys.installation, `${randomUUID()}${mark}`, 'NX')
    return (await redis.get(keys.installation))!
  }
}
