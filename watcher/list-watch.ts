import { setTimeout as timer } from 'node:timers/promises'
import { Backoff } from './backoff.ts'
import type { Connection } from './connection.ts'
import { list, presentPosition } from './list.ts'
import type { ListSlots } from './list-slots.ts'
import { pathOf, type Query } from './query.ts'
import { compareResourceVersions } from './resource-version.ts'
import { InitialEventsStalled, SilentWatch, watch } from './watch.ts'
import type { WatchEvent } from './watch-event.ts'
import { type WatchFailure, watchFailure } from './watch-failure.ts'
import type { WatchListSupport } from './watch-list-support.ts'

export interface ListWatchOptions {
  readonly api: Pick<Connection, 'open' | 'get'>
  readonly query: Query
  /** Where to watch from; undefined: list first. */
  readonly from: string | undefined
  readonly signal: AbortSignal
  /** Where lists are streamed, where the server can do that; without it they come in pages. */
  readonly watchLists?: WatchListSupport | undefined
  /** How many may list at once. */
  readonly lists?: Pick<ListSlots, 'take'> | undefined
  /** Lets one failure of the cluster hold up all of its streams. */
  readonly gate?: Gate | undefined
  /** Finds out when the cluster has gone back in time; without it nobody asks. */
  readonly past?: Past | undefined
  /** A watch that was down for longer asks. */
  readonly askAfterMs?: number | undefined
  readonly random?: (() => number) | undefined
  /** Resolves after so many ms, or when the signal aborts. Tests have their own. */
  readonly sleep?: Sleep | undefined
}

export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

/** What a list-watch needs of the gate of its cluster. */
export interface Gate {
  /** The cluster did not answer. Returns false if that is not the gate's matter: then the caller waits by itself. */
  report(failure: WatchFailure): boolean
  /** Resolves when the cluster answers, or when the signal aborts. */
  passed(signal: AbortSignal): Promise<void>
}

/** What was seen of a resource so far, to hold the present against: etcd may have been restored from a backup. */
export interface Past {
  /** Whether anything was. */
  readonly recorded: boolean
  /** Asks where the resource stands now: whether that is before what was seen, so that no position of then means anything. */
  isBehind(ask: () => Promise<string | undefined>): Promise<boolean>
}

export const realSleep: Sleep = (ms, signal) => timer(ms, undefined, { signal }).catch(() => {})

/** A watch that ends this soon, with nothing in it, is no watch (reflector.go:1090): some servers end one so whose position is too old. */
const veryShortMs = 1_000
/** So often is the same position tried before it is held to be the reason. */
const mostFailuresAtOnePosition = 3
/** So often may a streamed list end before it is complete until it is tried in pages. */
const mostCutStreams = 2

/** How often what cannot be watched is listed, at the most. */
const pollMs = 30_000
/** A request that is refused for what it is gets no better soon. */
const invalidMs = 60_000
/** A watch that was down for longer than this may find another past; a restart of a process always may. */
const longOutageMs = 10_000

/** A watch that starts in the future would be silent until the cluster gets there; its bookmarks give it away. */
class BehindItsStart extends Error {
  override name = 'BehindItsStart'
}

const veryShort: WatchFailure = {
  reason: 'VeryShortWatch',
  message: 'the watch ended at once',
  next: 'watch',
  retryAfterMs: 0,
}
const cutStream: WatchFailure = {
  reason: 'ListIncomplete',
  message: 'the stream ended before it had told all objects',
  next: 'watch',
  retryAfterMs: 0,
}

/**
 * Lists, then watches, for ever; ends only when `signal` aborts. What arrived together is told together. A failure is an
 * item like any other, and the reader's pace is the pace at which the server is read.
 */
export async function* listWatch(options: ListWatchOptions): AsyncGenerator<readonly WatchEvent[]> {
  const { api, query, signal, watchLists, lists, gate, past, askAfterMs = longOutageMs } = options
  const { random = Math.random, sleep = realSleep } = options
  const backoff = new Backoff(random)
  const path = pathOf(query)
  let position = options.from
  let failuresHere = 0
  let cutStreams = 0
  let unsure = true
  let downSince: number | undefined
  let release = () => {}
  while (!signal.aborted) {
    let failure: WatchFailure | undefined
    let delivered = false
    let streaming = false
    let listing = true
    try {
      if (downSince !== undefined && performance.now() - downSince >= askAfterMs) unsure = true
      if (past?.recorded && (unsure || position === undefined)) {
        const behind = await past.isBehind(() => presentPosition({ api, query, signal }))
        if (behind) position = undefined
      }
      unsure = false
      streaming = position === undefined && watchLists?.tries(path) === true && cutStreams < mostCutStreams
      if (position === undefined && lists) release = await lists.take(signal)
      if (position === undefined && !streaming) {
        position = yield* list(options)
        failuresHere = 0
        cutStreams = 0
      }
      listing = position === undefined
      if (!listing) release()
      const startedAt = performance.now()
      for await (const events of watch({ api, query, signal, random }, position)) {
        downSince = undefined
        for (const event of events) {
          if (past && event.type === 'Bookmark' && isBefore(event.resourceVersion, position))
            throw new BehindItsStart(`a bookmark says ${event.resourceVersion}, and ${position} had been reached`)
          const moved = positionAfter(event, position)
          if (moved === position) continue
          if (position === undefined) release()
          position = moved
          delivered = true
        }
        yield events
      }
      if (position === undefined) {
        cutStreams++
        failure = cutStream
      } else if (!delivered && performance.now() - startedAt < veryShortMs) failure = veryShort
    } catch (error) {
      if (signal.aborted) return
      failure = watchFailure(error)
      unsure ||= error instanceof BehindItsStart || error instanceof SilentWatch
      // the list is tried in pages at once: the server is there, it only cannot do this
      if (streaming && refusesStream(error, failure)) {
        watchLists?.refused(path)
        continue
      }
      if (failure.reason === 'MethodNotAllowed' && !listing) {
        // it can list and not watch, as some aggregated servers: what changed is found by listing again
        yield [{ type: 'Connected' }]
        backoff.reset()
        await sleep(pollMs * (1 + random() / 2), signal)
        position = undefined
        continue
      }
      // with a position in it, it might be the position that is refused
      if (failure.reason === 'BadRequest' && listing) failure = { ...failure, invalid: true }
    } finally {
      release()
    }
    if (delivered) {
      backoff.reset()
      failuresHere = 0
      cutStreams = 0
    }
    if (!failure) {
      // ended by the server, as it does every few minutes: all watches of a server that restarts end together
      await sleep(250 * random(), signal)
      continue
    }
    downSince ??= performance.now()
    const suspect = failure.reason === 'BadResponse' || failure.reason === 'VeryShortWatch'
    if (suspect && position !== undefined) failuresHere++
    const relist = failure.next === 'list' || failuresHere >= mostFailuresAtOnePosition
    if (gate?.report(failure)) {
      yield [{ type: 'Failed', failure, retryInMs: 0 }]
      await gate.passed(signal)
      continue
    }
    // the first relist is due at once; a server that refuses again and again is given time
    const atOnce = failure.next === 'list' && position !== undefined
    const usualMs = atOnce ? 250 * random() : backoff.nextMs(failure.retryAfterMs)
    const retryInMs = failure.invalid ? invalidMs : usualMs
    if (relist) {
      position = undefined
      failuresHere = 0
    }
    yield [{ type: 'Failed', failure, retryInMs }]
    await sleep(retryInMs, signal)
  }
}

/** Where to go on after the event. undefined within a streamed list: before its end there is no position. */
function positionAfter(event: WatchEvent, position: string | undefined): string | undefined {
  if (event.type === 'InitDone') return event.resourceVersion
  if (position === undefined) return undefined
  let moved: string
  if (event.type === 'Apply' || event.type === 'Delete') moved = event.object.resourceVersion
  else if (event.type === 'Bookmark') moved = event.resourceVersion
  else return position
  // a position never goes back; one that is no number is only ever the latest
  return (compareResourceVersions(moved, position) ?? 1) > 0 ? moved : position
}

function isBefore(resourceVersion: string, position: string | undefined): boolean {
  return position !== undefined && (compareResourceVersions(resourceVersion, position) ?? 0) < 0
}

/** Whether it says that lists cannot be streamed here, rather than that something went wrong. */
function refusesStream(error: unknown, { reason, message }: WatchFailure): boolean {
  if (error instanceof InitialEventsStalled) return true
  // 422 where the feature is off or not known, 400 and 405 by aggregated servers, 500 where etcd cannot tell its progress
  if (reason === 'Invalid' || reason === 'BadRequest' || reason === 'MethodNotAllowed') return true
  return reason === 'InternalError' && /storage feature|sendInitialEvents|initial events/i.test(message)
}
