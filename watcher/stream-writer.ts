import type { Log } from '../core/log.ts'
import type { AttachmentChange } from './attachments.ts'
import type { OpenBatch } from './building.ts'
import { FencedOff, type Position, Rewound, type StreamRecord, type StreamStore } from './stream-store.ts'

export interface StreamWriterContext {
  readonly store: StreamStore
  /** Resolves when Redis takes commands again, never sooner than a moment; rejects when `signal` aborts. */
  readonly redisAgain: (signal: AbortSignal) => Promise<void>
  readonly log: Log
}

/**
 * What one claim of a stream entitles to: batch after batch, each naming the one before it, and every question asked until
 * Redis answers it. Rejects with FencedOff or Rewound where Redis does not hold what is thought here, or when `signal` aborts.
 */
export class StreamWriter {
  readonly #c: StreamWriterContext
  readonly #signal: AbortSignal
  #lastBatch: string
  #revision: string

  constructor(context: StreamWriterContext, { lastBatch, revision }: StreamRecord, signal: AbortSignal) {
    this.#c = context
    this.#signal = signal
    this.#lastBatch = lastBatch
    this.#revision = revision
  }

  /** Returns the drains whose jobs are to be added. */
  async commit({ batch, phase, resourceVersion, n }: OpenBatch): Promise<[triggerId: string, drainId: string][]> {
    const { store } = this.#c
    const pushes = await this.#insist(() => batch.pushes((references) => store.payloads(references)))
    const request = { batch, pushes, prev: this.#lastBatch, revision: this.#revision, phase, resourceVersion, n }
    const drains = await this.#insist((again) => store.commit({ ...request, again }))
    this.#lastBatch = batch.name
    return drains
  }

  async attach(change: AttachmentChange): Promise<void> {
    this.#revision = await this.#insist(() => this.#c.store.attach(this.#lastBatch, ...change))
  }

  position(): Promise<Position> {
    return this.#insist(() => this.#c.store.position())
  }

  countRewind(before: Position, resourceVersion: string): Promise<number> {
    return this.#insist(() => this.#c.store.countRewind(before, resourceVersion))
  }

  /** Whether an unanswered commit applied, the next try of the same one is told. */
  async #insist<T>(ask: (again: boolean) => Promise<T>): Promise<T> {
    for (let again = false; ; again = true) {
      try {
        return await ask(again)
      } catch (error) {
        if (error instanceof FencedOff || error instanceof Rewound || this.#signal.aborted) throw error
        if (!again)
          this.#c.log.warn(
            { err: error instanceof Error ? error.message : String(error) },
            'Redis did not take a batch; reading stops until it does',
          )
        await this.#c.redisAgain(this.#signal)
      }
    }
  }
}
