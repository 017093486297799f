import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Refusal } from './status.ts'

/** A server on one port that can go and come back, as a network does. */
export class Listener {
  readonly #handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  readonly #sockets = new Set<Socket>()
  readonly #host: string
  #port: number
  #server: Server | undefined

  constructor(
    host: string,
    port: number,
    handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  ) {
    this.#host = host
    this.#port = port
    this.#handle = handle
  }

  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.#port}`
  }

  async up(): Promise<void> {
    if (this.#server) return
    // a client that finds its idle connection gone at the wrong moment would see a failure that nobody asked for
    const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
      this.#handle(request, response).catch(() => response.destroy())
    })
    this.#server = server
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      // resets are how connections end here
      socket.on('error', () => {})
    })
    server.listen(this.#port, this.#host)
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  async down(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    this.cut()
    await closed
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}

/** What etcd takes, and with it the API server. */
const maxBodyBytes = 3_145_728

export async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request) {
    bytes += part.length
    // the rest is read and not kept: a client that is still sending would not read its refusal
    if (bytes <= maxBodyBytes) parts.push(part)
  }
  if (bytes > maxBodyBytes) {
    throw new Refusal(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`)
  }
  return Buffer.concat(parts)
}

export interface Answered {
  readonly status: number
  /** A string is plain text. */
  readonly body: unknown
  /** When it is not just JSON. */
  readonly contentType?: string
}

/** With an entity tag where the client may have it already: discovery. */
export function send(request: IncomingMessage, response: ServerResponse, answer: Answered): void {
  const { status, body, contentType } = answer
  const isText = typeof body === 'string'
  const text = isText ? body : `${JSON.stringify(body)}\n`
  response.setHeader('content-type', isText ? 'text/plain; charset=utf-8' : (contentType ?? 'application/json'))
  setCommonHeaders(response)
  if (status === 200 && /^\/apis?(\?|$)/.test(request.url ?? '')) {
    const tag = `"${createHash('sha512').update(text).digest('hex').toUpperCase()}"`
    response.setHeader('etag', tag).setHeader('vary', 'Accept')
    if (request.headers['if-none-match'] === tag) return void response.writeHead(304).end()
  }
  response.writeHead(status).end(text)
}

export function setCommonHeaders(response: ServerResponse): void {
  response.setHeader('audit-id', randomUUID()).setHeader('cache-control', 'no-cache, private')
}
