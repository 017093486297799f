import type { KubeObject } from './object.ts'
import { badRequest, faults, invalidOptions, Refusal, tooLarge } from './status.ts'
import { type Collection, keyOf } from './store.ts'

export interface Listed {
  readonly objects: readonly KubeObject[]
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
}

interface Position {
  /** -1: go on with what there is now. */
  readonly revision: number
  /** The key to begin at. */
  readonly start: string
}

/** What a list request means: which revision, and which part of it. */
export function list(collection: Collection, query: URLSearchParams, matches: (object: KubeObject) => boolean): Listed {
  checkOptions(query)
  const position = query.get('continue') ? readPosition(query.get('continue') ?? '') : undefined
  const asked = readRevision(query.get('resourceVersion'))
  const limit = asked === 0 && !position ? 0 : readLimit(query.get('limit'))
  const revision = position ? position.revision : revisionOf(collection, asked, query, limit)
  const [present, at] = snapshot(collection, revision, position)
  const from = present.filter((object) => !position || keyOf(object) >= position.start).filter(matches)
  if (limit === 0 || from.length <= limit) return { objects: from, metadata: { resourceVersion: String(at) } }
  const objects = from.slice(0, limit)
  const selects = query.get('labelSelector') || query.get('fieldSelector')
  const metadata = {
    resourceVersion: String(at),
    continue: writePosition(at, `${keyOf(objects[limit - 1]!)}\0`),
    ...(!selects && { remainingItemCount: from.length - limit }),
  }
  return { objects, metadata }
}

/** Undefined: none was asked for. */
function readRevision(text: string | null): number | undefined {
  if (text === null || text === '') return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw badRequest(
    `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  )
}

/** The revision of exactly which the objects are wanted; -1: the present one. */
function revisionOf(collection: Collection, asked: number | undefined, query: URLSearchParams, limit: number): number {
  const current = collection.revision
  // the real server waits three seconds for it
  if (asked !== undefined && asked > current) throw tooLarge(asked, current)
  const match = query.get('resourceVersionMatch')
  // a limit without a match means exactly, since before there were matches
  const exact = match === 'Exact' || (!match && limit > 0)
  return asked !== undefined && asked > 0 && exact ? asked : -1
}

function snapshot(collection: Collection, revision: number, position: Position | undefined): [KubeObject[], number] {
  if (revision === -1) return [collection.all(), collection.revision]
  if (revision >= collection.compacted) return [collection.at(revision), revision]
  if (!position) throw new Refusal(410, 'Expired', 'The resourceVersion for the provided list is too old.')
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'
  throw new Refusal(410, 'Expired', message, undefined, { continue: writePosition(-1, position.start) })
}

function checkOptions(query: URLSearchParams): void {
  const match = query.get('resourceVersionMatch')
  const revision = query.get('resourceVersion')
  const refuse = (why: string) => invalidOptions(faults.forbidden('resourceVersionMatch', why))
  if (query.get('sendInitialEvents')) {
    throw invalidOptions(faults.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  }
  if (match && query.get('continue')) throw refuse('resourceVersionMatch is forbidden for continue')
  if (match && !revision) throw refuse('resourceVersionMatch is forbidden unless resourceVersion is provided')
  if (match && match !== 'Exact' && match !== 'NotOlderThan') {
    throw invalidOptions(faults.unsupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']))
  }
  if (match === 'Exact' && revision === '0') {
    throw refuse('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  }
  if (query.get('continue') && revision && revision !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue')
  }
}

function readLimit(text: string | null): number {
  if (text === null || text === '') return 0
  if (/^-?\d+$/.test(text)) return Math.max(0, Number(text))
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
}

/** The real token's form, so that what is true of it is true of ours; nobody should look into it. */
function writePosition(rv: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start: `/${start}` })).toString('base64url')
}

function readPosition(token: string): Position {
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString())
    if (typeof rv === 'number' && typeof start === 'string') return { revision: rv, start: start.slice(1) }
  } catch {
    // told below
  }
  throw badRequest('invalid continue token: continue key is not valid: the token does not come from this server')
}
