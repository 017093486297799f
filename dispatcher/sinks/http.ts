import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import type { HttpSettings } from '../../core/config/settings.ts'
import type { Log } from '../../core/log.ts'
import { AddressGuard } from './address-guard.ts'
import { connectionError, type HttpAnswer, isReset, outcomeOfAnswer } from './http-failure.ts'
import { type HttpEntry, type HttpMessage, httpEntryOf, messageOf } from './http-message.ts'
import { SigningKeys } from './signing-keys.ts'
import { type Sink, SinkError } from './sink.ts'

export interface HttpOptions {
  readonly log?: Pick<Log, 'warn'>
  readonly requestTimeoutMs?: number
}

/** Posts events to a URL: CloudEvents over HTTP, with the rules of its webhooks. */
export function httpSink(
  settings: HttpSettings,
  { log, requestTimeoutMs = 10_000 }: HttpOptions = {},
): Sink<HttpEntry> {
  const {
    url,
    mode = 'binary',
    batch = 100,
    maxBytes = 1_000_000,
    signingKeyFile,
    origin,
    allowAddresses,
    tls,
  } = settings
  const { origin: base, pathname, search, hostname } = new URL(url)
  const path = `${pathname}${search}`
  const shown = `${base}${pathname}`
  const guard = new AddressGuard(allowAddresses)
  const keys = signingKeyFile === undefined ? undefined : new SigningKeys(signingKeyFile, log)
  const standing = {
    'user-agent': 'deltabridge',
    ...settings.headers,
    ...(origin !== undefined && { 'webhook-request-origin': origin }),
  }
  const connect = buildConnector({
    lookup: guard.lookup,
    timeout: 3_000,
    ...(tls?.caFile !== undefined && { ca: readFileSync(tls.caFile) }),
  })
  const pool = new Pool(base, {
    connections: 128,
    pipelining: 1,
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
    connect(options, callback) {
      // a literal address is never looked up
      const address = options.hostname.replace(/^\[|\]$/g, '')
      try {
        if (isIP(address) !== 0) guard.check(address)
      } catch (error) {
        return callback(error as Error, null)
      }
      return connect(options, callback)
    },
  })

  async function ask(
    method: Dispatcher.HttpMethod,
    headers: Record<string, string>,
    body: string | null,
    signal: AbortSignal,
  ) {
    const response = await pool.request({ path, method, headers, body, signal })
    return answerOf(response)
  }

  async function headersOf({ id, headers, body }: HttpMessage): Promise<Record<string, string>> {
    if (keys === undefined) return { ...standing, ...headers }
    const timestamp = String(Math.floor(Date.now() / 1000))
    const signature = await keys.sign(id, timestamp, body)
    return { ...standing, ...headers, 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }
  }

  /** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection */
  async function askLeave(name: string, signal: AbortSignal): Promise<void> {
    const { status, headers } = await ask('OPTIONS', standing, null, signal)
    const allowed = String(headers['webhook-allowed-origin'] ?? '')
    if (status >= 200 && status < 300 && (allowed === '*' || allowed.toLowerCase() === name.toLowerCase())) {
      const rate = headers['webhook-allowed-rate']
      if (rate !== undefined && rate !== '*')
        log?.warn(
          { perMinute: rate },
          'the receiver names a rate: keep to it with delivery.rate of the sink’s triggers',
        )
      return
    }
    const answer = allowed === '' ? 'no WebHook-Allowed-Origin' : `WebHook-Allowed-Origin: ${allowed}`
    throw new SinkError(
      'NotFound',
      `${shown} does not allow ${name} to send: it answers OPTIONS with ${status} and ${answer}`,
    )
  }

  return {
    limits: { entries: mode === 'batched' ? batch : 1, bytes: maxBytes, ordered: false, dedupes: false },

    encode: (event) => httpEntryOf(event, mode),

    async send(entries, signal) {
      const message = messageOf(entries, mode)
      const post = async () => ask('POST', await headersOf(message), message.body, signal)
      let answer: HttpAnswer
      try {
        answer = await post().catch((error) => {
          if (!isReset(error)) throw error
          return post()
        })
      } catch (error) {
        signal.throwIfAborted()
        throw connectionError(error, shown)
      }
      const outcome = outcomeOfAnswer(answer, shown)
      return entries.map(() => outcome)
    },

    async check(signal) {
      try {
        await keys?.read()
        if (origin !== undefined) return await askLeave(origin, signal)
        await reach(connect, guard, { base, hostname })
      } catch (error) {
        signal.throwIfAborted()
        throw connectionError(error, shown)
      }
    },

    close: () => pool.destroy(),
  }
}

/** A connection is all that can be asked for without sending an event. */
async function reach(
  connect: ReturnType<typeof buildConnector>,
  guard: AddressGuard,
  { base, hostname }: { base: string; hostname: string },
): Promise<void> {
  const address = hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0) guard.check(address)
  const { protocol, port } = new URL(base)
  const connected = Promise.withResolvers<void>()
  connect({ hostname, protocol, port: port || (protocol === 'https:' ? '443' : '80') }, (error, socket) => {
    socket?.destroy()
    if (error) connected.reject(error)
    else connected.resolve()
  })
  await connected.promise
}

/** What a receiver says beyond this is of no use in a log. */
const mostSaid = 300

async function answerOf({ statusCode: status, headers, body }: Dispatcher.ResponseData): Promise<HttpAnswer> {
  if (status >= 200 && status < 300) {
    await body.dump()
    return { status, headers, body: '' }
  }
  const said = await body.text()
  return { status, headers, body: said.slice(0, mostSaid).trim() }
}
