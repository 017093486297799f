import { setTimeout as timer } from 'node:timers/promises'
import { Backoff } from './backoff.ts'
import { ApiFailure, type Connection } from './connection.ts'
import { readFrame, readPage } from './frame.ts'
import { LineSplitter } from './lines.ts'
import type { Sighting } from './object.ts'
import { pathOf, type Query, selectorsOf } from './query.ts'
import { compareResourceVersions } from './resource-version.ts'
import { type WatchFailure, watchFailure } from './watch-failure.ts'

/** What a list-watch tells. Init, InitApply…, InitDone bracket a list: whatever is not between them exists no more. */
export type WatchEvent =
  | { readonly type: 'Init' }
  | { readonly type: 'InitApply'; readonly object: Sighting }
  | { readonly type: 'InitDone'; readonly resourceVersion: string }
  | { readonly type: 'Apply' | 'Delete'; readonly object: Sighting }
  | { readonly type: 'Bookmark'; readonly resourceVersion: string }
  /** The watch stands, though nothing may have happened. */
  | { readonly type: 'Connected' }
  /** A request failed or its stream broke off; it goes on by itself after `retryInMs`. */
  | { readonly type: 'Failed'; readonly failure: WatchFailure; readonly retryInMs: number }

export interface ListWatchOptions {
  readonly api: Pick<Connection, 'open' | 'get'>
  readonly query: Query
  /** Where to watch from; undefined: list first. */
  readonly from: string | undefined
  readonly signal: AbortSignal
  readonly random?: (() => number) | undefined
  /** Resolves after so many ms, or when the signal aborts. Tests have their own. */
  readonly sleep?: Sleep | undefined
}

export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

const realSleep: Sleep = (ms, signal) => timer(ms, undefined, { signal }).catch(() => {})

const pageSize = 500
const mostLineBytes = 64 << 20
/** client-go asks for 5 to 10 minutes, at random, so that watches do not all end at once (reflector.go:57). */
const leastTimeoutSeconds = 300
/** How long past its own end a silent watch is waited for: a dead peer behind a proxy looks just like that. */
const graceSeconds = 30
/** A server that has sent a bookmark sends one a minute; two and a half missing ones mean that nobody is there. */
const idleMs = 150_000
/** A watch that ends this soon, with nothing in it, is no watch (reflector.go:1090): some servers end one so whose position is too old. */
const veryShortMs = 1_000
/** So often is the same position tried before it is held to be the reason. */
const mostFailuresAtOnePosition = 3

/**
 * Lists, then watches, for ever; ends only when `signal` aborts. What arrived together is told together. A failure is an
 * item like any other, and the reader's pace is the pace at which the server is read.
 */
export async function* listWatch(options: ListWatchOptions): AsyncGenerator<readonly WatchEvent[]> {
  const { signal, random = Math.random, sleep = realSleep } = options
  const backoff = new Backoff(random)
  let position = options.from
  let failuresHere = 0
  while (!signal.aborted) {
    let failure: WatchFailure | undefined
    let delivered = false
    try {
      if (position === undefined) {
        position = yield* list(options)
        failuresHere = 0
      }
      const startedAt = performance.now()
      for await (const events of watch(options, position)) {
        for (const event of events) {
          const moved = positionOf(event)
          if (moved === undefined) continue
          delivered = true
          // a position never goes back; one that is no number is only ever the latest
          if ((compareResourceVersions(moved, position) ?? 1) > 0) position = moved
        }
        yield events
      }
      if (!delivered && performance.now() - startedAt < veryShortMs)
        failure = { reason: 'VeryShortWatch', message: 'the watch ended at once', next: 'watch', retryAfterMs: 0 }
    } catch (error) {
      if (signal.aborted) return
      failure = watchFailure(error)
    }
    if (delivered) {
      backoff.reset()
      failuresHere = 0
    }
    if (!failure) {
      // ended by the server, as it does every few minutes: all watches of a server that restarts end together
      await sleep(250 * random(), signal)
      continue
    }
    const suspect = failure.reason === 'BadResponse' || failure.reason === 'VeryShortWatch'
    if (suspect && position !== undefined) failuresHere++
    const relist = failure.next === 'list' || failuresHere >= mostFailuresAtOnePosition
    // the first relist is due at once; a server that refuses again and again is given time
    const retryInMs =
      failure.next === 'list' && position !== undefined ? 250 * random() : backoff.nextMs(failure.retryAfterMs)
    if (relist) {
      position = undefined
      failuresHere = 0
    }
    yield [{ type: 'Failed', failure, retryInMs }]
    await sleep(retryInMs, signal)
  }
}

function positionOf(event: WatchEvent): string | undefined {
  switch (event.type) {
    case 'Apply':
    case 'Delete':
      return event.object.resourceVersion
    case 'Bookmark':
      return event.resourceVersion
    default:
      return undefined
  }
}

/** One list, page by page, at the newest state there is; returns its resourceVersion. */
async function* list(options: ListWatchOptions): AsyncGenerator<readonly WatchEvent[], string> {
  try {
    return yield* pages(options, pageSize)
  } catch (error) {
    // it took longer than the server remembers: all at once, then
    if (watchFailure(error).next !== 'list') throw error
    return yield* pages(options, undefined)
  }
}

async function* pages({ api, query, signal }: ListWatchOptions, limit: number | undefined) {
  yield [{ type: 'Init' }] as const
  const parameters = selectorsOf(query)
  if (limit !== undefined) parameters.set('limit', String(limit))
  let resourceVersion: string | undefined
  for (;;) {
    signal.throwIfAborted()
    const search = parameters.toString()
    const page = readPage(await api.get(`${pathOf(query)}${search && `?${search}`}`, signal))
    // the first page's is the list's: later pages are of the same moment
    resourceVersion ??= page.resourceVersion
    if (page.items.length > 0) yield page.items.map((object): WatchEvent => ({ type: 'InitApply', object }))
    if (page.continue === '') break
    parameters.set('continue', page.continue)
  }
  yield [{ type: 'InitDone', resourceVersion }] as const
  return resourceVersion
}

/** One watch, until the server ends it. Throws what its failure was, ERROR frames included. */
async function* watch(
  { api, query, signal, random = Math.random }: ListWatchOptions,
  resourceVersion: string,
): AsyncGenerator<readonly WatchEvent[]> {
  const timeoutSeconds = Math.floor(leastTimeoutSeconds * (1 + random()))
  const parameters = selectorsOf(query)
  parameters.set('watch', '1')
  parameters.set('allowWatchBookmarks', 'true')
  parameters.set('resourceVersion', resourceVersion)
  parameters.set('timeoutSeconds', String(timeoutSeconds))
  const silent = new AbortController()
  const give = () => silent.abort(new Error('the watch fell silent'))
  let watchdog = setTimeout(give, (timeoutSeconds + graceSeconds) * 1_000)
  try {
    const body = await api.open(`${pathOf(query)}?${parameters}`, AbortSignal.any([signal, silent.signal]))
    yield [{ type: 'Connected' }]
    const lines = new LineSplitter(mostLineBytes)
    let bookmarked = false
    for await (const chunk of body) {
      const events: WatchEvent[] = []
      try {
        for (const line of lines.push(chunk)) {
          const frame = readFrame(line)
          if (frame.type === 'ERROR') throw new ApiFailure(frame.status, 1_000 * (frame.status.retryAfterSeconds ?? 0))
          if (frame.type === 'BOOKMARK') {
            bookmarked = true
            events.push({ type: 'Bookmark', resourceVersion: frame.resourceVersion })
          } else events.push({ type: frame.type === 'DELETED' ? 'Delete' : 'Apply', object: frame.object })
        }
      } catch (error) {
        // what came before it in this chunk did happen
        if (events.length > 0) yield events
        throw error
      }
      // refreshed only by what arrives: a reader that is slow does not make the server silent
      clearTimeout(watchdog)
      if (events.length > 0) yield events
      if (bookmarked) watchdog = setTimeout(give, idleMs)
      else watchdog = setTimeout(give, (timeoutSeconds + graceSeconds) * 1_000)
    }
  } catch (error) {
    throw silent.signal.aborted && !signal.aborted ? silent.signal.reason : error
  } finally {
    clearTimeout(watchdog)
  }
}
