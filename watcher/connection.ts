import { readFileSync } from 'node:fs'
import type { AgentOptions, RequestOptions } from 'node:https'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { KubeConfig } from '@kubernetes/client-node'
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici'
import type { ClusterAccess } from '../core/config/settings.ts'
import { readStatus, type Status } from './frame.ts'

/** The credentials of a cluster cannot be used as they stand. */
export class BadKubeconfig extends Error {
  override name = 'BadKubeconfig'
}

/** The API server answered, and not with what was asked for. */
export class ApiFailure extends Error {
  override name = 'ApiFailure'
  readonly status: Status
  readonly retryAfterMs: number
  constructor(status: Status, retryAfterMs = 0) {
    super(status.message || `HTTP ${status.code}`)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

const credentialsForMs = 30_000
const tokenFileForMs = 60_000

/** One API server, with credentials and a pool of connections of its own: nothing of one cluster reaches another. */
export class Connection {
  readonly server: string
  readonly #config: KubeConfig
  readonly #tokenFile: string | undefined
  #agent: Dispatcher | undefined
  #material = ''
  #headers: Record<string, string> = {}
  #headersUntil = 0
  #token = ''
  #tokenUntil = 0

  /** Throws BadKubeconfig when there is no such file, context, cluster or user. */
  constructor(access: ClusterAccess) {
    const { config, tokenFile } = loadOne(access)
    this.#config = config
    this.#tokenFile = tokenFile
    this.server = config.getCurrentCluster()!.server.replace(/\/$/, '')
  }

  /** Sends a GET; resolves with the body as a stream once the status is 200. Rejects with ApiFailure otherwise. */
  async open(path: string, signal: AbortSignal): Promise<Readable> {
    const headers = await this.#credentials()
    const response = await request(`${this.server}${path}`, {
      method: 'GET',
      headers: { ...headers, accept: 'application/json', 'accept-encoding': 'gzip', 'user-agent': 'deltabridge' },
      dispatcher: this.#agent!,
      signal,
      bodyTimeout: 0,
      headersTimeout: 30_000,
    })
    const body =
      response.headers['content-encoding'] === 'gzip'
        ? response.body.pipe(createGunzip()).on('close', () => response.body.destroy())
        : response.body
    if (response.statusCode === 200) return body
    if (response.statusCode === 401) this.#forget()
    const status = readStatus(await collect(body, 1 << 20), response.statusCode)
    const header = Number(response.headers['retry-after'] ?? 0)
    throw new ApiFailure(
      status,
      1_000 * (Number.isFinite(header) && header > 0 ? header : (status.retryAfterSeconds ?? 0)),
    )
  }

  /** Sends a GET and collects the body, up to `mostBytes`. */
  async get(path: string, signal: AbortSignal, mostBytes = 512 << 20): Promise<Buffer> {
    return collect(await this.open(path, signal), mostBytes)
  }

  async close(): Promise<void> {
    await this.#agent?.destroy()
    this.#agent = undefined
  }

  #forget(): void {
    this.#headersUntil = 0
    this.#tokenUntil = 0
  }

  /** Runs the credential plugins at most every 30 s; a change of the TLS material makes a new pool. */
  async #credentials(): Promise<Record<string, string>> {
    const now = performance.now()
    if (now >= this.#headersUntil || !this.#agent) {
      const options: RequestOptions = { headers: {} }
      await this.#config.applyToHTTPSOptions(options)
      this.#headers = headersOf(options)
      this.#headersUntil = now + credentialsForMs
      // the library takes both to be the same, and differs from Node's types only in `defaultPort`
      this.#renewAgent(options as AgentOptions)
    }
    if (this.#tokenFile === undefined) return this.#headers
    return { ...this.#headers, authorization: `Bearer ${this.#readToken(this.#tokenFile, now)}` }
  }

  /** The library reads the key `token-file`, which no kubeconfig has, once and untrimmed: so tokenFile is read here. */
  #readToken(file: string, now: number): string {
    if (now >= this.#tokenUntil) {
      // a file that is just being replaced may be empty for a moment: then the last token still holds
      this.#token = readFileSync(file, 'utf8').trim() || this.#token
      this.#tokenUntil = now + tokenFileForMs
    }
    return this.#token
  }

  #renewAgent(options: AgentOptions): void {
    const { ca, cert, key, servername, rejectUnauthorized } = options
    const material = JSON.stringify([ca, cert, key, servername, rejectUnauthorized].map(String))
    if (this.#agent && material === this.#material) return
    const before = this.#agent
    this.#material = material
    this.#agent = agentFor(this.#config, options)
    // streams on the old pool go on until the API server ends them
    void before?.close()
  }
}

function agentFor(config: KubeConfig, options: AgentOptions): Dispatcher {
  const cluster = config.getCurrentCluster()!
  // one socket per watch: HTTP/2's shared windows would let one slow stream hold up the others
  const pool = { bodyTimeout: 0, headersTimeout: 30_000, connections: null, allowH2: false }
  const connect = { keepAlive: true, keepAliveInitialDelay: 15_000, timeout: 10_000 }
  // the library refuses plain HTTP; whoever writes http:// into a kubeconfig has decided that
  if (cluster.server.startsWith('http:') && !cluster.proxyUrl) return new Agent({ ...pool, connect })
  const dispatcher = config.createDispatcherOptions(cluster, options)
  if (dispatcher.type === 'proxy')
    return new ProxyAgent({ ...pool, uri: dispatcher.uri, requestTls: dispatcher.requestTls })
  if (dispatcher.type === 'socks')
    throw new BadKubeconfig('proxy-url: SOCKS proxies are not supported yet; use an HTTP proxy')
  return new Agent({ ...pool, connect: { ...(dispatcher.type === 'agent' ? dispatcher.connect : {}), ...connect } })
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim()
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`
  return headers
}

/** A KubeConfig of exactly one context: the library keeps tokens per KubeConfig, and would send one user's for another. */
function loadOne({ kubeconfig, context, inCluster }: ClusterAccess): {
  config: KubeConfig
  tokenFile: string | undefined
} {
  const all = new KubeConfig()
  try {
    if (inCluster) all.loadFromCluster()
    else if (kubeconfig !== undefined) all.loadFromFile(kubeconfig)
    else all.loadFromDefault()
  } catch (error) {
    throw new BadKubeconfig(
      `${kubeconfig ?? 'kubeconfig'} cannot be read: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    )
  }
  const where = kubeconfig ?? 'the kubeconfig'
  const name = context ?? all.getCurrentContext()
  const found = all.getContextObject(name)
  if (!found) {
    const names = all.getContexts().map((one) => one.name)
    throw new BadKubeconfig(
      `${where} has no context ${JSON.stringify(name ?? '')}; it has: ${names.join(', ') || 'none'}`,
    )
  }
  const cluster = all.getCluster(found.cluster)
  if (!cluster)
    throw new BadKubeconfig(`${where}: context ${name} names the cluster ${found.cluster}, which is not in the file`)
  const user = all.getUser(found.user)
  if (!user) throw new BadKubeconfig(`${where}: context ${name} names the user ${found.user}, which is not in the file`)
  const config = new KubeConfig()
  config.loadFromClusterAndUser(cluster, user)
  return { config, tokenFile: tokenFileOf(kubeconfig, found.user) }
}

function tokenFileOf(_kubeconfig: string | undefined, _user: string): string | undefined {
  return undefined
}

/** The bytes of a stream, up to `mostBytes`. */
async function collect(body: Readable, mostBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body) {
    bytes += part.length
    if (bytes > mostBytes) {
      body.destroy()
      throw new ApiFailure({ code: 0, reason: 'TooLarge', message: `a body of more than ${mostBytes} bytes` })
    }
    parts.push(part)
  }
  return Buffer.concat(parts, bytes)
}
