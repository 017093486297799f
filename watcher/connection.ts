import { readFileSync } from 'node:fs'
import type { AgentOptions, RequestOptions } from 'node:https'
import { addAbortSignal, pipeline, type Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import type { KubeConfig } from '@kubernetes/client-node'
import { Agent, type Dispatcher, ProxyAgent, request, Socks5ProxyAgent } from 'undici'
import type { ClusterAccess } from '../core/config/settings.ts'
import { readStatus, type Status } from './frame.ts'
import { BadKubeconfig, configOf, type Login, readLogin } from './kubeconfig.ts'
import { OidcToken } from './oidc.ts'

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

type Headers = Readonly<Record<string, string | string[]>>

interface Answer {
  readonly body: Readable
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly status: number
}

/** A body, and what to ask with whether it still holds. */
export interface Fresh {
  readonly body: Buffer
  readonly etag: string
}

const json = 'application/json'
const longestBody = 512 << 20
const credentialsForMs = 30_000
const pluginTimeoutMs = 30_000
const silenceMs = 60_000
const failureTimeoutMs = 10_000

/** One API server, with credentials and a pool of connections of its own: nothing of one cluster reaches another. */
export class Connection {
  readonly server: string
  readonly #login: Login
  /** Of exactly this login: the library keeps tokens per KubeConfig and user name. */
  #config: KubeConfig
  #agent: Dispatcher | undefined
  #material = ''
  #headers: Headers = {}
  #headersUntil = 0
  #token = ''
  readonly #oidc: OidcToken | undefined
  #refreshing: Promise<void> | undefined
  readonly #closing = new AbortController()

  /** Throws BadKubeconfig when there is no such file, context, cluster or user. */
  constructor(access: ClusterAccess) {
    this.#login = readLogin(access)
    this.#config = configOf(this.#login)
    this.#oidc = this.#login.oidc && new OidcToken(this.#login.oidc)
    this.server = this.#login.cluster.server.replace(/\/$/, '')
  }

  /**
   * Sends a GET; resolves with the body as a stream once the status is 200. Rejects with ApiFailure otherwise. The stream
   * fails when the body is cut or `signal` aborts; it may be silent for any time.
   */
  async open(path: string, signal: AbortSignal, accept = json): Promise<Readable> {
    return (await this.#send(path, signal, 0, { accept })).body
  }

  /** Sends a GET and collects the body, up to `mostBytes`; a body that is silent for a minute has failed. */
  async get(path: string, signal: AbortSignal, mostBytes = longestBody, accept = json): Promise<Buffer> {
    return collect((await this.#send(path, signal, silenceMs, { accept })).body, mostBytes)
  }

  /** Sends a GET for what is no longer as it was with that `etag`; undefined: it is. */
  async fresh(
    path: string,
    signal: AbortSignal,
    { accept, etag }: { readonly accept: string; readonly etag?: string | undefined },
  ): Promise<Fresh | undefined> {
    const asked = { accept, ...(etag && { 'if-none-match': etag }) }
    const { body, headers, status } = await this.#send(path, signal, silenceMs, asked)
    const content = await collect(body, longestBody)
    return status === 304 ? undefined : { body: content, etag: String(headers.etag ?? '') }
  }

  /** Sends an object and collects what is answered; nothing of ours is stored by it, we only ever ask. */
  async post(path: string, body: object, signal: AbortSignal): Promise<Buffer> {
    const { body: answer } = await this.#send(path, signal, silenceMs, { accept: json }, JSON.stringify(body))
    return collect(answer, 1 << 20)
  }

  /** Ends what is under way, too. */
  async close(): Promise<void> {
    this.#closing.abort(new Error(`the connection to ${this.server} is closed`))
    await this.#agent?.destroy()
  }

  async #send(
    path: string,
    caller: AbortSignal,
    bodyTimeout: number,
    asked: Headers,
    posted?: string,
  ): Promise<Answer> {
    // streams on a former pool are out of reach but by their signal
    const signal = AbortSignal.any([caller, this.#closing.signal])
    await until(this.#credentials(), signal)
    const headers = this.#headers
    const response = await request(`${this.server}${path}`, {
      method: posted === undefined ? 'GET' : 'POST',
      headers: {
        ...headers,
        ...asked,
        'accept-encoding': 'gzip',
        'user-agent': 'deltabridge',
        ...(posted !== undefined && { 'content-type': 'application/json' }),
      },
      ...(posted !== undefined && { body: posted }),
      dispatcher: this.#agent!,
      signal,
      bodyTimeout,
      headersTimeout: 30_000,
    })
    const body =
      response.headers['content-encoding'] === 'gzip'
        ? // flushed as it comes: a watch's events must not wait for more; the reader sees the errors
          pipeline(response.body, createGunzip({ flush: constants.Z_SYNC_FLUSH }), () => {})
        : response.body
    const done = asked['if-none-match'] !== undefined ? 304 : posted !== undefined ? 201 : 200
    if (response.statusCode === 200 || response.statusCode === done)
      return { body, headers: response.headers, status: response.statusCode }
    if (response.statusCode === 401 && this.#headers === headers) this.#forget()
    const text = await collect(addAbortSignal(AbortSignal.timeout(failureTimeoutMs), body), 1 << 20).catch(() => {
      signal.throwIfAborted()
      // the status is known, and its account is not worth more
      return Buffer.alloc(0)
    })
    const status = readStatus(text, response.statusCode)
    const header = Number(response.headers['retry-after'] ?? 0)
    throw new ApiFailure(
      status,
      1_000 * (Number.isFinite(header) && header > 0 ? header : (status.retryAfterSeconds ?? 0)),
    )
  }

  /** What a plugin said stays in the KubeConfig until it expires, so a new one is made. */
  #forget(): void {
    this.#headersUntil = 0
    this.#oidc?.expire()
    this.#config = configOf(this.#login)
  }

  async #credentials(): Promise<void> {
    this.#closing.signal.throwIfAborted()
    if (performance.now() < this.#headersUntil) return
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    })
    await this.#refreshing
  }

  /** Reads files and runs plugins at most every 30 s; a change of the TLS material makes a new pool. */
  async #refresh(): Promise<void> {
    const options: RequestOptions = { headers: {} }
    try {
      await until(this.#config.applyToHTTPSOptions(options), AbortSignal.timeout(pluginTimeoutMs))
      const token = this.#oidc ? await this.#oidc.get() : this.#readToken()
      this.#headers = {
        ...headersOf(options),
        ...this.#login.headers,
        ...(token !== '' && { authorization: `Bearer ${token}` }),
      }
      // the library takes both to be the same, and differs from Node's types only in `defaultPort`
      if (!this.#closing.signal.aborted) this.#renewAgent(options as AgentOptions)
    } catch (error) {
      if (error instanceof BadKubeconfig) throw error
      const message = error instanceof Error ? error.message : String(error)
      throw new BadKubeconfig(`the credentials for ${this.server} cannot be used: ${message.trim()}`, { cause: error })
    }
    this.#headersUntil = performance.now() + credentialsForMs
  }

  #readToken(): string {
    const file = this.#login.tokenFile
    if (file === undefined) return ''
    // a file that is just being replaced may be empty or missing for a moment: then the last token still holds
    try {
      this.#token = readFileSync(file, 'utf8').trim() || this.#token
    } catch (error) {
      if (this.#token === '') throw error
    }
    if (this.#token === '') throw new BadKubeconfig(`${file} holds no token: write one into it`)
    return this.#token
  }

  #renewAgent(options: AgentOptions): void {
    const { ca, cert, key, servername, rejectUnauthorized } = options
    const material = JSON.stringify([ca, cert, key, servername, rejectUnauthorized].map(String))
    if (this.#agent && material === this.#material) return
    const before = this.#agent
    this.#agent = agentFor(this.#config, options)
    this.#material = material
    // streams on the old pool go on until the API server ends them
    void before?.close()
  }
}

function agentFor(config: KubeConfig, options: AgentOptions): Dispatcher {
  const cluster = config.getCurrentCluster()!
  // one socket per watch: HTTP/2's shared windows would let one slow stream hold up the others
  const pool = { bodyTimeout: 0, headersTimeout: 30_000, connections: null, allowH2: false }
  const connect = { keepAlive: true, keepAliveInitialDelay: 15_000, timeout: 10_000 }
  const dispatcher = config.createDispatcherOptions(cluster, options)
  if (dispatcher.type === 'proxy')
    return new ProxyAgent({ ...pool, uri: dispatcher.uri, requestTls: dispatcher.requestTls })
  if (dispatcher.type === 'socks')
    return new Socks5ProxyAgent(dispatcher.uri.replace(/^socks5h:/, 'socks5:'), {
      ...pool,
      requestTls: dispatcher.requestTls,
    })
  return new Agent({ ...pool, connect: { ...(dispatcher.type === 'agent' ? dispatcher.connect : {}), ...connect } })
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim()
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`
  return headers
}

/** `work`, or the signal's reason, whichever comes first. */
async function until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([aborted, work])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** The bytes of a stream, up to `mostBytes`. */
async function collect(body: Readable, mostBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body) {
    bytes += part.length
    // leaving the loop ends the stream
    if (bytes > mostBytes)
      throw new ApiFailure({ code: 0, reason: 'TooLarge', message: `a body of more than ${mostBytes} bytes` })
    parts.push(part)
  }
  return Buffer.concat(parts, bytes)
}
