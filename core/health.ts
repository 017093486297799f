import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Log } from './log.ts'

/** A part of the process that takes time to become ready, and can cease to be. */
export interface Readiness {
  /** What keeps this part from being ready, each in one line; nothing = ready. */
  problems(): Promise<readonly string[]>
  /** What it counts, in Prometheus' text format. */
  metrics?(): Promise<string>
}

/** The address to listen on cannot be had. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen'
  readonly reason: string

  constructor(host: string, port: number, cause: unknown) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'Unknown'
    super(`cannot listen on ${host}:${port}: ${explain(reason, cause)}; change listen, or set it to off`, { cause })
    this.reason = reason
  }
}

export interface HealthServer {
  readonly url: string
  close(): Promise<void>
}

/** Serves `/healthz` (alive), `/readyz` (every part ready; else 503 with one problem per line) and `/metrics`. Rejects with CannotListen. */
export async function startHealthServer(
  listen: { readonly host: string; readonly port: number },
  parts: readonly Readiness[],
  log: Pick<Log, 'info' | 'error'>,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(request, response, parts).catch((error: unknown) => {
      log.error({ err: error }, 'cannot tell whether this process is ready')
      send(response, 500, 'cannot tell: see the log')
    })
  })
  try {
    server.listen(listen)
    await once(server, 'listening')
  } catch (error) {
    throw new CannotListen(listen.host, listen.port, error)
  }
  const { address, port, family } = server.address() as AddressInfo
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  log.info({ url }, 'health endpoints are up')
  return {
    url,
    async close() {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, parts: readonly Readiness[]): Promise<void> {
  const path = request.url?.replace(/\?.*$/, '')
  if (path !== '/healthz' && path !== '/readyz' && path !== '/metrics')
    return send(response, 404, 'there are /healthz, /readyz and /metrics')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(response, 405, 'only GET')
  }
  if (path === '/healthz') return send(response, 200, 'ok')
  if (path === '/metrics') {
    const texts = await Promise.all(parts.map((part) => part.metrics?.() ?? ''))
    return send(response, 200, texts.join('').trimEnd(), 'text/plain; version=0.0.4; charset=utf-8')
  }
  const problems = (await Promise.all(parts.map((part) => part.problems()))).flat()
  if (problems.length === 0) return send(response, 200, 'ok')
  // one line each, whatever an API server puts into its messages
  send(response, 503, problems.map((problem) => problem.replaceAll(/\s*\n\s*/g, ' ')).join('\n'))
}

function send(response: ServerResponse, status: number, text: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' })
  response.end(`${text}\n`)
}

function explain(reason: string, cause: unknown): string {
  if (reason === 'EADDRINUSE') return 'another process listens there'
  if (reason === 'EACCES') return 'not allowed, ports below 1024 need privileges'
  if (reason === 'EADDRNOTAVAIL' || reason === 'ENOTFOUND') return 'this machine has no such address'
  return cause instanceof Error ? cause.message : String(cause)
}
