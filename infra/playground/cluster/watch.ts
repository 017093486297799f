import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { KubeObject } from './object.ts'
import { type Refusal, tooLarge, tooOld } from './status.ts'
import type { Change, Collection } from './store.ts'
import type { WatchOptions } from './watch-options.ts'

export interface WatchLimits {
  readonly bookmarkMs: number
  /** Events that wait for a reader; one that falls behind further is ended, as the real server does it. */
  readonly buffer: number
}

/** Which objects a watch shows, and how they look on it. */
export interface View {
  matches(object: KubeObject): boolean
  object(object: KubeObject): unknown
  bookmark(resourceVersion: string, initialEventsEnd: boolean): unknown
}

type FrameType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'

interface Frame {
  readonly type: FrameType
  /** Made when its turn comes: what waits for a slow reader is a reference. */
  content(): unknown
}

/** The real server sends a last bookmark this long before it ends a watch. */
const lastBookmarkMs = 2_000

/** One watch: begun in one step with what was before, so that nothing falls in between. */
export class Watch {
  readonly #collection: Collection
  readonly #options: WatchOptions
  readonly #view: View
  readonly #limits: WatchLimits
  readonly #stop = new AbortController()
  #frames: Frame[] = []
  #ended = false
  #wake = () => {}

  constructor(collection: Collection, options: WatchOptions, view: View, limits: WatchLimits) {
    this.#collection = collection
    this.#options = options
    this.#view = view
    this.#limits = limits
  }

  /** Writes until the watch ends or its reader goes. */
  async writeTo(out: Writable): Promise<void> {
    out.once('close', () => this.#abort())
    const unfollow = this.#collection.follow({ change: (change) => this.#follow(change), ended: () => this.#end() })
    this.#begin()
    const timers = this.#schedule()
    try {
      while (!this.#ended || this.#frames.length > 0) {
        await this.#drain(out)
        if (!this.#ended && this.#frames.length === 0) await this.#more()
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error
    } finally {
      unfollow()
      for (const timer of timers) clearTimeout(timer)
      out.end()
    }
  }

  async #drain(out: Writable): Promise<void> {
    const frames = this.#frames
    this.#frames = []
    for (const { type, content } of frames) {
      this.#stop.signal.throwIfAborted()
      const isTaken = out.write(`{"type":"${type}","object":${JSON.stringify(content())}}\n`)
      if (!isTaken) await once(out, 'drain', { signal: this.#stop.signal })
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #begin(): void {
    const { revision, compacted } = this.#collection
    const { initial, marksEnd } = this.#options
    const from = this.#options.from || (initial ? 0 : revision)
    if (initial && from > revision) this.#fail(tooLarge(from, revision))
    else if (!initial && from < compacted) this.#fail(tooOld(from, compacted))
    else if (initial) {
      for (const object of this.#collection.all()) if (this.#view.matches(object)) this.#show('ADDED', object)
      if (marksEnd) this.#bookmark(true)
    } else for (const change of this.#collection.since(from)) this.#tell(change)
  }

  #schedule(): NodeJS.Timeout[] {
    const { timeoutMs } = this.#options
    const timers = [
      setInterval(() => this.#bookmark(false), this.#limits.bookmarkMs),
      setTimeout(() => this.#end(), timeoutMs),
    ]
    if (timeoutMs > lastBookmarkMs) timers.push(setTimeout(() => this.#bookmark(false), timeoutMs - lastBookmarkMs))
    return timers
  }

  #follow(change: Change): void {
    // a position in the future is silent until it is reached
    if (this.#ended || change.revision <= (this.#options.from ?? 0)) return
    this.#tell(change)
    if (this.#frames.length > this.#limits.buffer) this.#abort()
  }

  #tell({ revision, before, after }: Change): void {
    const was = before !== undefined && this.#view.matches(before)
    if (after !== undefined && this.#view.matches(after)) this.#show(was ? 'MODIFIED' : 'ADDED', after)
    else if (was) {
      this.#show('DELETED', { ...before, metadata: { ...before.metadata, resourceVersion: String(revision) } })
    }
  }

  #show(type: FrameType, object: KubeObject): void {
    this.#add({ type, content: () => this.#view.object(object) })
  }

  #bookmark(initialEventsEnd: boolean): void {
    const { revision } = this.#collection
    if (!this.#options.bookmarks || revision < (this.#options.from ?? 0)) return
    this.#add({ type: 'BOOKMARK', content: () => this.#view.bookmark(String(revision), initialEventsEnd) })
  }

  #fail(refusal: Refusal): void {
    this.#add({ type: 'ERROR', content: () => refusal.status })
    this.#end()
  }

  #add(frame: Frame): void {
    if (this.#ended) return
    this.#frames.push(frame)
    this.#wake()
  }

  #end(): void {
    this.#ended = true
    this.#wake()
  }

  #abort(): void {
    this.#frames = []
    this.#stop.abort()
    this.#end()
  }
}
