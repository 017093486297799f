import { ApiFailure, type Connection } from './connection.ts'
import { readPage } from './frame.ts'
import { pathOf, type Query, selectorsOf } from './query.ts'
import type { WatchEvent } from './watch-event.ts'
import { watchFailure } from './watch-failure.ts'

export interface ListOptions {
  readonly api: Pick<Connection, 'get'>
  readonly query: Query
  readonly signal: AbortSignal
}

/** client-go's page size (pager.go:31). */
const pageSize = 500

/** One list, page by page, of the newest state there is; returns its resourceVersion. */
export async function* list(options: ListOptions): AsyncGenerator<readonly WatchEvent[], string> {
  try {
    return yield* pages(options, pageSize)
  } catch (error) {
    // it took longer than the server remembers: all at once, then
    if (watchFailure(error).next !== 'list') throw error
    return yield* pages(options, undefined)
  }
}

/** Whoever may only watch may not ask. */
const unaskable = new Set([403, 404, 405])

/** Where the resource stands now, by the shortest list of the newest state; undefined where nobody may ask for it. */
export async function presentPosition({ api, query, signal }: ListOptions): Promise<string | undefined> {
  const parameters = selectorsOf(query)
  parameters.set('limit', '1')
  try {
    return readPage(await api.get(`${pathOf(query)}?${parameters}`, signal)).resourceVersion
  } catch (error) {
    if (error instanceof ApiFailure && unaskable.has(error.status.code)) return undefined
    throw error
  }
}

async function* pages({ api, query, signal }: ListOptions, limit: number | undefined) {
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
