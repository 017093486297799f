import { Redis } from 'ioredis'

/** CPU time of this process so far, all its threads, in µs. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** What a Redis tells of itself. */
export class RedisUsage {
  readonly #redis: Redis

  constructor(url: string) {
    this.#redis = new Redis(url)
  }

  async cpuUs(): Promise<number> {
    const info = await this.#redis.info('cpu')
    return 1e6 * (numberIn(info, 'used_cpu_user') + numberIn(info, 'used_cpu_sys'))
  }

  /** Bytes of everything that was sent to it. */
  async inputBytes(): Promise<number> {
    return numberIn(await this.#redis.info('stats'), 'total_net_input_bytes')
  }

  async clear(): Promise<void> {
    await this.#redis.flushall()
  }

  close(): void {
    this.#redis.disconnect()
  }
}

function numberIn(info: string, field: string): number {
  return Number(new RegExp(`^${field}:([0-9.]+)`, 'm').exec(info)?.[1])
}
