import { Readable } from 'node:stream'
import { ApiFailure } from '../../watcher/connection.ts'
import type { Query } from '../../watcher/query.ts'

/** What a scripted API server answers to one request. */
export type Answer =
  /** To whoever asks where it stands; without it such a question is answered beside the script: nothing has gone back. */
  | { readonly present: string | Extract<Answer, { readonly fails: unknown }> }
  | { readonly page: readonly object[]; readonly resourceVersion: string; readonly continue?: string }
  /** A list, byte for byte. */
  | { readonly body: string }
  /** A watch: its lines (objects become JSON), cut into chunks of `chunkBytes`, then its end. `hang`: never ends by itself. */
  | {
      readonly watch: readonly (object | string)[]
      readonly end?: 'close' | 'reset' | 'hang'
      readonly chunkBytes?: number
    }
  | { readonly fails: { code: number; reason?: string; message?: string; retryAfterMs?: number } }
  | { readonly throws: Error }

/** Answers requests in the order of its script; after the last one every watch hangs. */
export class ScriptedApi {
  readonly requests: { path: string; query: Record<string, string> }[] = []
  readonly #answers: Answer[]

  constructor(answers: readonly Answer[]) {
    this.#answers = [...answers]
  }

  async get(path: string): Promise<Buffer> {
    const asked = new URL(path, 'http://cluster').searchParams.get('limit') === '1'
    const next = this.#answers[0]
    if (asked && !(next && 'present' in next)) return list(farAhead, [])
    const answer = this.#next(path)
    if ('present' in answer && typeof answer.present === 'string') return list(answer.present, [])
    if ('page' in answer) {
      const metadata = {
        resourceVersion: answer.resourceVersion,
        ...(answer.continue && { continue: answer.continue }),
      }
      return Buffer.from(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata, items: answer.page }))
    }
    if ('body' in answer) return Buffer.from(answer.body)
    throw new Error(`the script has no list here: ${path}`)
  }

  async open(path: string, signal: AbortSignal): Promise<Readable> {
    const answer = this.#next(path)
    if (!('watch' in answer)) throw new Error(`the script has no watch here: ${path}`)
    return Readable.from(chunks(answer, signal))
  }

  #next(path: string): Answer {
    const url = new URL(path, 'http://cluster')
    this.requests.push({ path: url.pathname, query: Object.fromEntries(url.searchParams) })
    const next = this.#answers.shift() ?? { watch: [], end: 'hang' }
    const answer = 'present' in next && typeof next.present !== 'string' ? next.present : next
    if ('throws' in answer) throw answer.throws
    if (!('fails' in answer)) return answer
    const { code, reason = '', message = reason, retryAfterMs } = answer.fails
    throw new ApiFailure({ code, reason, message }, retryAfterMs)
  }
}

const farAhead = '999999999999'

function list(resourceVersion: string, items: readonly object[]): Buffer {
  return Buffer.from(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: { resourceVersion }, items }))
}

async function* chunks(
  { watch, end = 'close', chunkBytes = 1 << 16 }: Extract<Answer, { watch: unknown }>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const lines = watch.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`))
  const bytes = Buffer.from(lines.join(''))
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  if (end === 'reset') throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
  if (end === 'hang') {
    await new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }
}

/** The config maps of all namespaces, of a cluster that keys know as c1. */
export const configMapQuery: Query = {
  clusterId: 'c1',
  resource: { group: '', version: 'v1', resource: 'configmaps' },
  kind: 'ConfigMap',
  namespaced: true,
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  keepsOld: false,
  startsFor: '',
}

/** A config map as a list or a watch shows it. */
export function configMap(name: string, resourceVersion: string, rest: object = {}): object {
  const metadata = { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion }
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata, ...rest }
}

export const frame = (type: string, object: object): object => ({ type, object })

export const bookmark = (resourceVersion: string): object =>
  frame('BOOKMARK', { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion, creationTimestamp: null } })

/** Says that the server has streamed all of the list. */
export const initialEventsEnd = (resourceVersion: string): object =>
  frame('BOOKMARK', {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { resourceVersion, annotations: { 'k8s.io/initial-events-end': 'true' } },
  })

export const errorFrame = (code: number, reason: string, details?: object, message = reason): object =>
  frame('ERROR', { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details })
