import { ApiFailure, type Connection } from './connection.ts'
import { type Frame, readFrame } from './frame.ts'
import { LineSplitter } from './lines.ts'
import { pathOf, type Query, selectorsOf } from './query.ts'
import type { WatchEvent } from './watch-event.ts'

export interface WatchOptions {
  readonly api: Pick<Connection, 'open'>
  readonly query: Query
  readonly signal: AbortSignal
  readonly random: () => number
}

/** The server streams what is there first (WatchList, KEP-3157), and this one does not get to the end of it. */
export class InitialEventsStalled extends Error {
  override name = 'InitialEventsStalled'
}

/** Nothing came for so long that nobody can be there: the watch may have been dead for all of that time. */
export class SilentWatch extends Error {
  override name = 'SilentWatch'
}

const mostLineBytes = 64 << 20
/** client-go asks for 5 to 10 minutes, at random, so that watches do not all end at once (reflector.go:57). */
const leastTimeoutSeconds = 300
/** How long past its own end a silent watch is waited for: a dead peer behind a proxy looks just like that. */
const graceMs = 30_000
/** A server that has sent a bookmark sends one a minute; two and a half missing ones mean that nobody is there. */
const idleMs = 150_000
/** After the last object of a streamed list its end is due at once; client-go waits for ever (kubernetes#140890). */
const initialEventsMs = 30_000

/**
 * One watch from a position, until the server ends it. Without a position: a list as a stream, and then the watch on the
 * same stream (WatchList). Throws what its failure was, ERROR frames included.
 */
export async function* watch(
  options: WatchOptions,
  resourceVersion: string | undefined,
): AsyncGenerator<readonly WatchEvent[]> {
  const { api, query, signal, random } = options
  const timeoutSeconds = Math.floor(leastTimeoutSeconds * (1 + random()))
  const watchdog = new Watchdog()
  watchdog.expect(resourceVersion === undefined ? initialEventsMs : timeoutSeconds * 1_000 + graceMs)
  const reader = new FrameReader(resourceVersion === undefined)
  try {
    const body = await api.open(
      pathTo(query, resourceVersion, timeoutSeconds),
      AbortSignal.any([signal, watchdog.signal]),
    )
    if (resourceVersion === undefined) yield [{ type: 'Init' }]
    else yield [{ type: 'Connected' }]
    const lines = new LineSplitter(mostLineBytes)
    for await (const chunk of body) {
      const events: WatchEvent[] = []
      try {
        for (const line of lines.push(chunk)) events.push(...reader.read(readFrame(line)))
      } catch (error) {
        // what came before it in this chunk did happen
        if (events.length > 0) yield events
        throw error
      }
      // not while the reader is busy: one that is slow does not make the server silent
      watchdog.rest()
      if (events.length > 0) yield events
      // a plain bookmark is no progress of a streamed list
      if (!reader.initial) watchdog.expect(reader.bookmarked ? idleMs : timeoutSeconds * 1_000 + graceMs)
      else watchdog.expect(initialEventsMs, !reader.sawObject(events))
    }
  } catch (error) {
    if (!watchdog.signal.aborted || signal.aborted) throw error
    throw reader.initial
      ? new InitialEventsStalled('the server streams its objects and does not say when it has told all of them')
      : watchdog.signal.reason
  } finally {
    watchdog.rest()
  }
}

function pathTo(query: Query, resourceVersion: string | undefined, timeoutSeconds: number): string {
  const parameters = selectorsOf(query)
  parameters.set('watch', '1')
  parameters.set('allowWatchBookmarks', 'true')
  parameters.set('timeoutSeconds', String(timeoutSeconds))
  if (resourceVersion !== undefined) parameters.set('resourceVersion', resourceVersion)
  else {
    // without a resourceVersion: the newest state, not what some cache happens to hold
    parameters.set('sendInitialEvents', 'true')
    parameters.set('resourceVersionMatch', 'NotOlderThan')
  }
  return `${pathOf(query)}?${parameters}`
}

/** Frames of one watch as watch events; before the end of a streamed list, what is added is part of it. */
class FrameReader {
  initial: boolean
  bookmarked = false

  constructor(initial: boolean) {
    this.initial = initial
  }

  read(frame: Frame): WatchEvent[] {
    switch (frame.type) {
      case 'ERROR':
        throw new ApiFailure(frame.status, 1_000 * (frame.status.retryAfterSeconds ?? 0))
      case 'BOOKMARK': {
        const { resourceVersion } = frame
        if (!this.initial) {
          this.bookmarked = true
          return [{ type: 'Bookmark', resourceVersion }]
        }
        if (!frame.initialEventsEnd) return []
        this.initial = false
        this.bookmarked = true
        return [{ type: 'InitDone', resourceVersion }, { type: 'Connected' }]
      }
      case 'DELETED':
        return [{ type: 'Delete', object: frame.object }]
      default:
        return [{ type: this.initial ? 'InitApply' : 'Apply', object: frame.object }]
    }
  }

  sawObject(events: readonly WatchEvent[]): boolean {
    return events.some((event) => event.type === 'InitApply' || event.type === 'Delete')
  }
}

/** Aborts when what is expected does not come in time. */
class Watchdog {
  readonly #silent = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #dueAt = 0

  get signal(): AbortSignal {
    return this.#silent.signal
  }

  /** `unless` it was expected before: then that time still holds. */
  expect(withinMs: number, still = false): void {
    const now = performance.now()
    if (!still || this.#dueAt === 0) this.#dueAt = now + withinMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#silent.abort(new SilentWatch('the watch fell silent')), this.#dueAt - now)
  }

  rest(): void {
    clearTimeout(this.#timer)
  }
}
