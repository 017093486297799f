import { setTimeout as sleep } from 'node:timers/promises'
import type { SinkSettings } from '../core/config/settings.ts'
import type { Log } from '../core/log.ts'
import { BusCheckError, type CheckableTarget, eventBridgeTarget } from './sinks/eventbridge.ts'
import type { Target } from './target.ts'

/**
 * A configured sink. Its target is to be had once the bus was found: to one that does not exist EventBridge reports success
 * and loses every event.
 */
export class Sink {
  readonly name: string
  /** Stands in its triggers' definitions, whose hash covers it. */
  readonly settings: string
  readonly #target: CheckableTarget
  readonly #log: Log
  readonly #stopped = new AbortController()
  readonly #checking: Promise<void>
  #problem: string | undefined
  #ready = false

  /** `onReady`: told once, when deliveries may begin. */
  constructor({ name, eventbridge }: SinkSettings, log: Log, onReady: () => void, retryMs: number) {
    this.name = name
    this.settings = JSON.stringify({ eventbridge })
    this.#log = log.child({ sink: name })
    this.#target = eventBridgeTarget(eventbridge, { log: this.#log })
    this.#checking = this.#check(onReady, retryMs)
  }

  get target(): Target | undefined {
    return this.#ready ? this.#target : undefined
  }

  problems(): readonly string[] {
    return this.#problem === undefined ? [] : [`sink ${this.name}: ${this.#problem}`]
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    await this.#checking
    await this.#target.close()
  }

  async #check(onReady: () => void, retryMs: number): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        await this.#target.check(AbortSignal.any([signal, AbortSignal.timeout(checkTimeoutMs)]))
        return this.#found(onReady)
      } catch (error) {
        if (signal.aborted) return
        const { message } = error as Error
        if (error instanceof BusCheckError && error.reason === 'Forbidden') {
          this.#log.warn({ problem: message }, 'we may not look whether the bus exists; sending to it all the same')
          return this.#found(onReady)
        }
        if (this.#problem !== message)
          this.#log.error({ problem: message }, 'nothing is sent to the sink until its bus is found')
        this.#problem = message
        await sleep(retryMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  #found(onReady: () => void): void {
    if (this.#problem !== undefined) this.#log.info('the bus is there now')
    this.#problem = undefined
    this.#ready = true
    onReady()
  }
}

const checkTimeoutMs = 10_000
