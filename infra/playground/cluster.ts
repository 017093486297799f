import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { stringify } from 'yaml'
import { Access, type Rule, type User } from './cluster/access.ts'
import { Api } from './cluster/api.ts'
import { Listener, readBytes, send, setCommonHeaders } from './cluster/http.ts'
import { Plane } from './cluster/plane.ts'
import { Refusal, unauthorized } from './cluster/status.ts'

export interface ClusterOptions {
  /** Of the cluster, and of context, cluster and user in its kubeconfig. */
  name: string
  /** 0: any that is free. @default 0 */
  port?: number
  /** @default '127.0.0.1' */
  host?: string
  /** The bearer token of the kubeconfig's user. @default a random one */
  token?: string
  /** Events kept per resource before 410. @default 10000 */
  history?: number
  /** Where its resourceVersions begin: higher than the last one, for a cluster that takes another's place. @default 0 */
  revision?: number
  /** @default 60000, as the real server */
  bookmarkMs?: number
  /** Events that wait for a watch that does not read; one more, and it is ended. @default 10000 */
  watchBuffer?: number
}

export interface PlaygroundCluster extends AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly token: string
  /** YAML; context, cluster and user are named after the cluster. */
  kubeconfig(): string
  /** As administrator, without HTTP. A PATCH is a merge patch. */
  request<Body = unknown>(method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }>
  /** Forgets its history: older positions are 410 from now on; running watches go on. */
  compact(): void
  /** Ends every watch cleanly, as a server does at its timeout. */
  endWatches(): void
  /** Resets every connection. */
  cutConnections(): void
  /** Like a network that is gone: connections are refused until `up`. Data and port stay. */
  down(): Promise<void>
  up(): Promise<void>
  /** From now on matching requests of the kubeconfig's user are forbidden. */
  forbid(rule: Rule): void
  /** Takes back everything that was forbidden. */
  allow(): void
  /** Requests received, newest last; the last thousand. */
  readonly requests: readonly ReceivedRequest[]
  close(): Promise<void>
}

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly query: string
}

const administrator: User = { name: 'admin', isAdministrator: true }
const keptRequests = 1_000

/** A small Kubernetes API server in this process: no nodes, no controllers, nothing is run. */
export async function startCluster(options: ClusterOptions): Promise<PlaygroundCluster> {
  const { name, port = 0, host = '127.0.0.1', history = 10_000, bookmarkMs = 60_000, watchBuffer = 10_000 } = options
  const token = options.token ?? randomBytes(16).toString('hex')
  const expected = `Bearer ${token}`
  const user: User = { name, isAdministrator: false }
  const plane = new Plane(history, options.revision)
  const access = new Access()
  const api = new Api(plane, access, { bookmarkMs, buffer: watchBuffer })
  const requests: ReceivedRequest[] = []

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request
    const { pathname: path, search, searchParams: query } = new URL(request.url ?? '/', 'http://cluster')
    requests.push({ method, path, query: search.slice(1) })
    if (requests.length > keptRequests) requests.shift()
    try {
      // without any it is the kubeconfig's user too: kubectl and client-go send no token over plain HTTP
      if ((headers.authorization ?? expected) !== expected) throw unauthorized()
      const { accept, 'content-type': contentType, 'user-agent': userAgent } = headers
      const body = await readBytes(request)
      const answer = api.answer({ method, path, query, user, accept, contentType, userAgent, body })
      if (!('watch' in answer)) return send(request, response, answer)
      setCommonHeaders(response)
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
      await answer.watch.writeTo(response)
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'InternalError', String(error))
      if (!response.headersSent) send(request, response, { status: refusal.code, body: refusal.status })
      else response.destroy()
    }
  }

  const listener = new Listener(host, port, handle)

  async function request<Body>(method: string, path: string, body?: unknown) {
    const { pathname, searchParams: query } = new URL(path, 'http://cluster')
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body))
    const agent = 'playground'
    const asked = { method, path: pathname, query, user: administrator, contentType, userAgent: agent, body: bytes }
    const answer = api.answer(asked)
    if ('watch' in answer) throw new Error('A watch needs HTTP: open it at the url, with the token')
    // what is written in a burst must leave room for those who read it
    await new Promise((resolve) => setImmediate(resolve))
    return { status: answer.status, body: structuredClone(answer.body) as Body }
  }

  for (const namespace of ['default', 'kube-node-lease', 'kube-public', 'kube-system']) {
    await request('POST', '/api/v1/namespaces', { metadata: { name: namespace } })
  }
  await listener.up()

  return {
    name,
    get url() {
      return listener.url
    },
    token,
    kubeconfig: () => kubeconfigOf(name, listener.url, token),
    request,
    compact: () => plane.compact(),
    endWatches: () => plane.endWatches(),
    cutConnections: () => listener.cut(),
    down: () => listener.down(),
    up: () => listener.up(),
    forbid: (rule) => access.forbid(rule),
    allow: () => access.allow(),
    requests,
    close: () => listener.down(),
    [Symbol.asyncDispose]: () => listener.down(),
  }
}

function kubeconfigOf(name: string, server: string, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  })
}
