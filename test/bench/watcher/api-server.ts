import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PodText, podIdentity } from '../pod.ts'
import { serve } from '../remote.ts'

const pageSize = 500
const eventsPerChunk = 16

export interface ServerLoad {
  readonly pods: number
  readonly bytes: number
  /** Each the change of one pod, in turn. */
  readonly events: number
}

let load: ServerLoad = { pods: 0, bytes: 0, events: 0 }
let pages: Buffer[] = []
let chunks: Buffer[] = []
let requests = 0
let watching: ServerResponse | undefined
let watchOpened = Promise.withResolvers<void>()

const server = createServer((request, response) => {
  requests++
  const { searchParams: query } = new URL(request.url ?? '/', 'http://cluster')
  response.setHeader('content-type', 'application/json')
  if (!query.has('watch')) {
    response.end(pages[Number(query.get('continue') ?? 0)])
    return
  }
  response.flushHeaders()
  watching = response
  watchOpened.resolve()
})

/** A page of a typed list, whose items lack kind and apiVersion as the API server's do. */
function pageOf(number: number, texts: PodText): Buffer {
  const last = (number + 1) * pageSize >= load.pods
  const items: string[] = []
  for (let i = number * pageSize; i < Math.min((number + 1) * pageSize, load.pods); i++)
    items.push(texts.of(podIdentity(i, i + 1)).replace('"kind":"Pod","apiVersion":"v1",', ''))
  const metadata = { resourceVersion: String(load.pods), ...(!last && { continue: String(number + 1) }) }
  return Buffer.from(
    `{"kind":"PodList","apiVersion":"v1","metadata":${JSON.stringify(metadata)},"items":[${items.join(',')}]}`,
  )
}

function chunkOf(first: number, texts: PodText): Buffer {
  const lines: string[] = []
  for (let i = first; i < Math.min(first + eventsPerChunk, load.events); i++)
    lines.push(`{"type":"MODIFIED","object":${texts.of(podIdentity(i % load.pods, load.pods + i + 1))}}\n`)
  return Buffer.from(lines.join(''))
}

const answers = serve({
  async start(given: ServerLoad) {
    load = given
    const texts = new PodText(load.bytes, true)
    pages = Array.from({ length: Math.ceil(load.pods / pageSize) }, (_, number) => pageOf(number, texts))
    chunks = Array.from({ length: Math.ceil(load.events / eventsPerChunk) }, (_, i) =>
      chunkOf(i * eventsPerChunk, texts),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  },
  watched: () => watchOpened.promise,
  /** Sends a part of the events as fast as they are read, from one share of the whole to another. */
  async send(from: number, to: number) {
    const part = chunks.slice(Math.floor(from * chunks.length), Math.floor(to * chunks.length))
    for (const chunk of part) if (!watching!.write(chunk)) await once(watching!, 'drain')
    return Math.min(load.events, Math.floor(to * chunks.length) * eventsPerChunk) + load.pods
  },
  /** Its history is gone, as after a restart: the watch ends with 410. Resolves when the next one is there. */
  async expire() {
    watchOpened = Promise.withResolvers()
    const status = {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'Expired',
      code: 410,
      message: 'too old',
    }
    watching!.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
    await watchOpened.promise
  },
  /** Everything of the last client is forgotten. */
  reset() {
    watchOpened = Promise.withResolvers()
    watching = undefined
    requests = 0
  },
  requests: () => requests,
})

/** A small API server of pods whose answers are made beforehand, so that it is not what is measured. */
export type ApiServer = typeof answers
