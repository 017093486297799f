import { Command, type Redis } from 'ioredis'

/**
 * What befalls a process at one of its commands to Redis.
 * `dies before`, `dies after`: it is killed with the command not sent, or carried out and its answer never read.
 * `loses command`, `loses answer`: only the connection breaks, the process goes on.
 * `freezes`: it stands still before the command, is taken for dead, and later goes on as if nothing had happened.
 */
export type Mishap = 'dies before' | 'dies after' | 'loses command' | 'loses answer' | 'freezes'

/** A process' connection to Redis, with at most one mishap ahead. */
export class FragileRedis {
  readonly redis: Redis
  #mishap: { readonly kind: Mishap; commands: number } | undefined
  #dead = false
  #held: Promise<void> | undefined
  #release: () => void = () => {}
  readonly #onLost: () => void
  readonly #send: (command: Command) => Promise<unknown>

  /** `onLost`: the process is dead, or frozen and taken for dead. */
  constructor(redis: Redis, onLost: () => void) {
    this.redis = redis
    this.#onLost = onLost
    const send = redis.sendCommand.bind(redis)
    this.#send = async (command) => send(command)
    redis.sendCommand = (command: Command, stream) =>
      this.#intercept(command, stream !== undefined, () => send(command, stream))
  }

  /** After so many commands more. */
  plan(kind: Mishap, commands: number): void {
    if (!this.#dead && !this.#held) this.#mishap = { kind, commands }
  }

  /** Nothing more happens to it. */
  spare(): void {
    this.#mishap = undefined
  }

  get dead(): boolean {
    return this.#dead
  }

  get frozen(): boolean {
    return this.#held !== undefined
  }

  die(): void {
    if (this.#dead) return
    this.#dead = true
    this.#release()
    this.#onLost()
  }

  /** What it sent before it was lost has been carried out. */
  async settled(): Promise<void> {
    if (this.redis.status === 'ready') await this.#send(new Command('PING')).catch(() => {})
  }

  thaw(): void {
    this.#held = undefined
    this.#release()
  }

  #intercept(command: Command, piped: boolean, send: () => unknown): unknown {
    if (this.#dead) return refuse(command)
    if (this.#held) return this.#held.then(() => (this.#dead ? refuse(command) : send()))
    const mishap = this.#mishap
    // a pipeline is one write: what can go wrong after it goes wrong before the next command
    if (!mishap || piped || mishap.commands-- > 0) return send()
    this.#mishap = undefined
    switch (mishap.kind) {
      case 'dies before':
        this.die()
        return refuse(command)
      case 'loses command':
        return refuse(command)
      case 'dies after':
        return answerLost(send(), () => this.die())
      case 'loses answer':
        return answerLost(send(), () => {})
      case 'freezes': {
        const { promise, resolve } = Promise.withResolvers<void>()
        this.#held = promise
        this.#release = resolve
        this.#onLost()
        return promise.then(() => (this.#dead ? refuse(command) : send()))
      }
      default:
        return mishap.kind satisfies never
    }
  }
}

function refuse(command: Command): Promise<unknown> {
  command.promise.catch(() => {})
  command.reject(new Error('Connection is closed.'))
  return command.promise
}

async function answerLost(answer: unknown, then: () => void): Promise<never> {
  await Promise.resolve(answer).catch(() => {})
  then()
  throw new Error('Connection is closed.')
}
