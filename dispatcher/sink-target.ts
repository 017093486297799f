import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SinkSettings } from '../core/config/settings.ts'
import type { Log } from '../core/log.ts'
import type { CheckableTarget } from './sinks/event-target.ts'
import { openSink } from './sinks/open-sink.ts'
import { SinkError } from './sinks/sink.ts'
import type { Target } from './target.ts'

/**
 * A configured sink. Its target is to be had once the sink was found: to a bus that does not exist EventBridge reports success
 * and loses every event.
 */
export class ConfiguredSink {
  readonly name: string
  /** Stands in its triggers' definitions, whose hash covers it. */
  readonly settings: string
  readonly #log: Log
  readonly #onChange: () => void
  readonly #stopped = new AbortController()
  readonly #following: Promise<void>
  #target: CheckableTarget | undefined
  #problem: string | undefined
  #ready = false
  #wantsNoMore = false

  /** `onChange`: told when deliveries may begin, and when they must not go on. */
  constructor(settings: SinkSettings, log: Log, onChange: () => void, retryMs: number) {
    this.name = settings.name
    this.settings = settingsText(settings)
    this.#log = log.child({ sink: settings.name })
    this.#onChange = onChange
    this.#following = this.#follow(settings, retryMs)
  }

  get target(): Target | undefined {
    return this.#ready ? this.#target : undefined
  }

  problems(): readonly string[] {
    return this.#problem === undefined ? [] : [`sink ${this.name}: ${this.#problem}`]
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    await this.#following
    await this.#target?.close()
  }

  /** Goes on looking also when it was found: a bus that is deleted later would lose everything just the same. */
  async #follow(settings: SinkSettings, retryMs: number): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted && !this.#wantsNoMore) {
      await this.#look(settings)
      await sleep(this.#ready ? foundFactor * retryMs : retryMs, undefined, { signal }).catch(() => {})
    }
  }

  async #look(settings: SinkSettings): Promise<void> {
    const { signal } = this.#stopped
    try {
      const onGone = (message: string) => this.#gone(message)
      this.#target ??= await openSink(settings, { log: this.#log, onGone })
      await this.#target.check(AbortSignal.any([signal, AbortSignal.timeout(checkTimeoutMs)]))
      this.#found()
    } catch (error) {
      if (signal.aborted) return
      const { message } = error as Error
      const reason = error instanceof SinkError ? error.reason : undefined
      if (reason === 'Forbidden') {
        if (!this.#ready)
          this.#log.warn({ problem: message }, 'we may not look whether the sink is there; sending to it all the same')
        this.#found()
      } else if (!this.#ready || reason === 'NotFound' || reason === 'Misconfigured') this.#missing(message)
      // else deliveries will fail and wait by themselves, or not
    }
  }

  #found(): void {
    if (this.#ready || this.#wantsNoMore) return
    if (this.#problem !== undefined) this.#log.info('the sink is there now')
    this.#problem = undefined
    this.#ready = true
    this.#onChange()
  }

  #missing(message: string): void {
    if (this.#problem !== message)
      this.#log.error({ problem: message }, 'nothing is sent to the sink until this is mended')
    this.#problem = message
    if (!this.#ready) return
    this.#ready = false
    this.#onChange()
  }

  /** What waits for it goes on waiting, until a dispatcher starts with other settings. */
  #gone(message: string): void {
    if (this.#wantsNoMore) return
    this.#wantsNoMore = true
    this.#log.error({ problem: message }, 'the sink is disabled')
    this.#problem = message
    this.#ready = false
    this.#onChange()
  }
}

/** A sink that was found is looked for that much less often than one that was not. */
const foundFactor = 4
const checkTimeoutMs = 10_000

/** The headers and the URL of a webhook may hold secrets, and this goes to Redis: of those only that they changed. */
function settingsText({ name, ...settings }: SinkSettings): string {
  const text = JSON.stringify(settings)
  return settings.http ? `http ${createHash('sha256').update(text).digest('hex')}` : text
}
