import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { Connection } from '../../watcher/connection.ts'

/** A folder that goes with the test. */
export function folder(): { path(name: string): string; write(name: string, content: string): string } {
  const root = mkdtempSync(join(tmpdir(), 'deltabridge-connection-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const path = (name: string) => join(root, name)
  return {
    path,
    write(name, content) {
      writeFileSync(path(name), content, { mode: 0o700 })
      return path(name)
    },
  }
}

export interface ApiServer {
  readonly url: string
  readonly requests: IncomingMessage[]
  /** How many TCP connections were made. */
  connections(): number
}

export interface Tls {
  readonly cert: string
  readonly key: string
  /** Ask for client certificates signed by this one. */
  readonly clientCa?: string
}

export async function openApiServer(answer: RequestListener, tls?: Tls, host = '127.0.0.1'): Promise<ApiServer> {
  const requests: IncomingMessage[] = []
  let connections = 0
  const listener: RequestListener = (request, response) => {
    requests.push(request)
    answer(request, response)
  }
  const server: Server = tls
    ? createHttpsServer(
        {
          cert: readFileSync(tls.cert),
          key: readFileSync(tls.key),
          ...(tls.clientCa && { ca: readFileSync(tls.clientCa), requestCert: true, rejectUnauthorized: false }),
        },
        listener,
      )
    : createHttpServer(listener)
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const shown = host.includes(':') ? `[${host}]` : host
  return { url: `${tls ? 'https' : 'http'}://${shown}:${port}`, requests, connections: () => connections }
}

/** A self-signed certificate; returns its files' names. */
export function makeCertificate(
  path: (name: string) => string,
  name: string,
  altName = 'IP:127.0.0.1,DNS:kube.example',
): Tls {
  const cert = path(`${name}.crt`)
  const key = path(`${name}.key`)
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${altName}`]
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', [...made, ...subject, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  return { cert, key }
}

export function kubeconfig(server: string, user: object = {}, cluster: object = {}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    clusters: [{ name: 'c', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
  })
}

/** Closes with the test. */
export function connect(file: string, context?: string): Connection {
  const connection = new Connection({ kubeconfig: file, ...(context !== undefined && { context }) })
  onTestFinished(() => connection.close())
  return connection
}
