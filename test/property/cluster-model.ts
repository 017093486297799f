import { Readable } from 'node:stream'
import { ApiFailure } from '../../watcher/connection.ts'

/** An object as the cluster holds it; each write makes a new one. */
export interface ModelObject {
  readonly apiVersion: 'v1'
  readonly kind: 'ConfigMap'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly resourceVersion: string
  }
  readonly data: { readonly value: string; readonly noise: string }
}

/** What truly happened, in order; the position of the n-th is n. */
export interface Occurrence {
  readonly type: 'created' | 'updated' | 'deleted'
  readonly rv: number
  readonly name: string
  readonly uid: string
  /** As written; of a deletion as it was last, with the deletion's resourceVersion. */
  readonly object: ModelObject
}

/** A watch that the cluster serves. */
interface OpenWatch {
  readonly body: Readable
  sent: number
}

export type ListFault = 'refused' | 'cut' | 'expired'

const namespace = 'shop'

/** Told of every list before it is answered, with the position that it shows. */
export type OnList = (resourceVersion: number) => Promise<void>

/**
 * One resource of an API server in memory: resourceVersions, a history that is compacted, pages of two, watches that
 * end, break off or are too old, the latter told in band. What it answers are the bytes that a real one would send.
 */
export class ClusterModel {
  readonly occurrences: Occurrence[] = []
  readonly #present = new Map<string, ModelObject>()
  readonly #watches = new Set<OpenWatch>()
  readonly #snapshots: ModelObject[][] = []
  readonly #onList: OnList
  #compacted = 0
  #uids = 0
  #listFaults: ListFault[] = []

  constructor(onList: OnList) {
    this.#onList = onList
  }

  get rv(): number {
    return this.occurrences.length
  }

  get present(): ReadonlyMap<string, ModelObject> {
    return this.#present
  }

  /** Creates or updates. */
  put(name: string, change: Partial<ModelObject['data']>): void {
    const before = this.#present.get(name)
    const uid = before?.metadata.uid ?? `u${++this.#uids}`
    const data = { value: '0', noise: '0', ...before?.data, ...change }
    const metadata = { name, namespace, uid, resourceVersion: String(this.rv + 1) }
    const object: ModelObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
    this.#present.set(name, object)
    this.#happened(before ? 'updated' : 'created', object)
  }

  delete(name: string): void {
    const before = this.#present.get(name)
    if (!before) return
    this.#present.delete(name)
    this.#happened('deleted', { ...before, metadata: { ...before.metadata, resourceVersion: String(this.rv + 1) } })
  }

  #happened(type: Occurrence['type'], object: ModelObject): void {
    const { name, uid } = object.metadata
    this.occurrences.push({ type, rv: this.rv + 1, name, uid, object })
    for (const watch of this.#watches) this.#send(watch)
  }

  /** etcd is restored from a backup of that moment: what came after it never was, though objects keep their uids. */
  restore(rv: number): void {
    this.cutWatches(false)
    this.occurrences.splice(rv)
    this.#compacted = Math.min(this.#compacted, rv)
    this.#snapshots.splice(rv + 1)
    this.#present.clear()
    for (const { type, name, object } of this.occurrences) {
      if (type === 'deleted') this.#present.delete(name)
      else this.#present.set(name, object)
    }
  }

  compact(): void {
    this.#compacted = this.rv
  }

  failNextList(fault: ListFault): void {
    this.#listFaults.push(fault)
  }

  healLists(): void {
    this.#listFaults = []
  }

  endWatches(): void {
    for (const { body } of this.#watches) body.push(null)
    this.#watches.clear()
  }

  /** In the middle of a line: half of the next frame arrives, or half of one that never comes. */
  cutWatches(cleanly: boolean): void {
    for (const { body } of this.#watches) {
      body.push('{"type":"MODIFIED","object":{"kind":"ConfigMap","metadata":{"name":"a","uid":"never"')
      if (cleanly) body.push(null)
      // a moment later, or what was sent before it would be lost too
      else setImmediate(() => body.destroy(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })))
    }
    this.#watches.clear()
  }

  bookmark(): void {
    for (const { body, sent } of this.#watches) {
      // it says where the cluster stands, also to who asked for more
      const metadata = { resourceVersion: String(Math.min(sent, this.rv)) }
      body.push(`${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata } })}\n`)
    }
  }

  readonly get = async (path: string, signal: AbortSignal): Promise<Buffer> => {
    const url = new URL(path, 'http://model')
    if (url.pathname === '/api/v1') return json({ resources: [resource] })
    signal.throwIfAborted()
    // who asks where it stands does not list
    if (url.searchParams.get('limit') === '1')
      return json({ kind: 'ConfigMapList', metadata: { resourceVersion: String(this.rv) }, items: [] })
    const token = url.searchParams.get('continue')
    const { rv } = this
    // a first page cannot be too old
    const fault = token === null && this.#listFaults[0] === 'expired' ? undefined : this.#listFaults.shift()
    if (fault === 'refused') throw new ApiFailure({ code: 500, reason: 'InternalError', message: 'etcd has no leader' })
    if (fault === 'expired') throw expired()
    const page = this.#page(token, url.searchParams.has('limit'))
    if (token === null) await this.#onList(rv)
    return fault === 'cut' ? page.subarray(0, page.length / 2) : page
  }

  #page(token: string | null, paged: boolean): Buffer {
    if (token === null) this.#snapshots[this.rv] = [...this.#present.values()]
    const [at = this.rv, from = 0] = token?.split(':').map(Number) ?? []
    if (token !== null && at < this.#compacted) throw expired()
    const all = this.#snapshots[at]
    if (!all) throw expired()
    const items = paged ? all.slice(from, from + pageItems) : all
    const next = from + items.length
    const metadata = { resourceVersion: String(at), ...(next < all.length && { continue: `${at}:${next}` }) }
    return json({ kind: 'ConfigMapList', apiVersion: 'v1', metadata, items })
  }

  readonly open = async (path: string, signal: AbortSignal): Promise<Readable> => {
    signal.throwIfAborted()
    const { searchParams } = new URL(path, 'http://model')
    const body = new Readable({ read() {} })
    // it may break off before anybody reads it
    body.on('error', () => {})
    const from = searchParams.has('sendInitialEvents')
      ? await this.#stream(body)
      : Number(searchParams.get('resourceVersion'))
    signal.throwIfAborted()
    // a streamed list that breaks off
    if (from === undefined) return body
    if (from < this.#compacted) {
      const object = { kind: 'Status', code: 410, reason: 'Expired', message: `too old resource version: ${from}` }
      body.push(`${JSON.stringify({ type: 'ERROR', object })}\n`)
      body.push(null)
      return body
    }
    const watch = { body, sent: from }
    this.#watches.add(watch)
    const forget = () => {
      this.#watches.delete(watch)
      body.destroy()
    }
    signal.addEventListener('abort', forget, { once: true })
    this.#send(watch)
    return body
  }

  /** What is there, then the bookmark that says so; returns its position, from which on the watch goes on. */
  async #stream(body: Readable): Promise<number | undefined> {
    const { rv } = this
    const fault = this.#listFaults.shift()
    if (fault === 'refused')
      throw new ApiFailure({ code: 422, reason: 'Invalid', message: 'sendInitialEvents is forbidden' })
    const objects = [...this.#present.values()].reverse()
    await this.#onList(rv)
    for (const object of fault ? objects.slice(0, objects.length / 2) : objects)
      body.push(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    if (fault) {
      // ended before it was complete, or broken off
      if (fault === 'cut') body.push(null)
      else setImmediate(() => body.destroy(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })))
      return undefined
    }
    const metadata = { resourceVersion: String(rv), annotations: { 'k8s.io/initial-events-end': 'true' } }
    body.push(`${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata } })}\n`)
    return rv
  }

  #send(watch: OpenWatch): void {
    for (const { type, object } of this.occurrences.slice(watch.sent))
      watch.body.push(`${JSON.stringify({ type: frames[type], object })}\n`)
    watch.sent = Math.max(watch.sent, this.rv)
  }
}

const pageItems = 2
const frames = { created: 'ADDED', updated: 'MODIFIED', deleted: 'DELETED' } as const
const resource = { name: 'configmaps', kind: 'ConfigMap', namespaced: true, verbs: ['list', 'watch'] }

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function expired(): ApiFailure {
  return new ApiFailure({ code: 410, reason: 'Expired', message: 'the continue token is too old' })
}
