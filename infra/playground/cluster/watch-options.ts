import { badRequest, faults, invalidOptions, Refusal } from './status.ts'

export interface WatchOptions {
  /** Undefined: from the most recent state. */
  readonly from: number | undefined
  /** The present objects come first. */
  readonly initial: boolean
  /** They end with a bookmark that says so. */
  readonly marksEnd: boolean
  readonly bookmarks: boolean
  readonly timeoutMs: number
}

/** As the real server does without `timeoutSeconds`: between this and twice as long. */
const defaultTimeoutSeconds = 1_800

export function readWatchOptions(query: URLSearchParams): WatchOptions {
  const match = query.get('resourceVersionMatch')
  const sends = query.get('sendInitialEvents')
  const refuse = (why: string) => invalidOptions(faults.forbidden('resourceVersionMatch', why))
  if (sends !== null && match !== 'NotOlderThan') {
    throw refuse('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  }
  if (sends === null && match)
    throw refuse('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  const from = readRevision(query.get('resourceVersion'))
  const bookmarks = isTrue(query.get('allowWatchBookmarks'))
  const initial = sends === null ? (from ?? 0) === 0 : isTrue(sends)
  const seconds = query.get('timeoutSeconds') ?? '0'
  if (!/^-?\d+$/.test(seconds)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(seconds)}: invalid syntax`)
  return {
    from,
    initial,
    marksEnd: isTrue(sends) && bookmarks,
    bookmarks,
    timeoutMs: 1_000 * (Number(seconds) > 0 ? Number(seconds) : defaultTimeoutSeconds * (1 + Math.random())),
  }
}

/** A watch tells a bad one as an internal error, other than a list. */
function readRevision(text: string | null): number | undefined {
  if (text === null || text === '') return undefined
  if (/^\d+$/.test(text)) return Number(text)
  const value = JSON.stringify(text)
  throw new Refusal(
    500,
    '',
    `resourceVersion: Invalid value: ${value}: strconv.ParseUint: parsing ${value}: invalid syntax`,
  )
}

export function isTrue(text: string | null): boolean {
  return text === 'true' || text === '1'
}
