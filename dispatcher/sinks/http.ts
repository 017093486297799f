import { Pool } from 'undici'
import type { HttpSettings } from '../../core/config/settings.ts'
import type { Log } from '../../core/log.ts'
import { guardedConnect, reach } from './http-connect.ts'
import { exchange } from './http-exchange.ts'
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
  const { url, mode = 'binary', batch = 100, maxBytes = 1_000_000, signingKeyFile, origin } = settings
  const where = new URL(url)
  const path = `${where.pathname}${where.search}`
  const shown = `${where.origin}${where.pathname}`
  const keys = signingKeyFile === undefined ? undefined : new SigningKeys(signingKeyFile, log)
  const standing = [
    ...Object.entries({ 'user-agent': 'deltabridge', ...settings.headers }).flat(),
    ...(origin === undefined ? [] : ['webhook-request-origin', origin]),
  ]
  const connect = guardedConnect(settings)
  const timeouts = { headersTimeout: requestTimeoutMs, bodyTimeout: requestTimeoutMs }
  const pool = new Pool(where.origin, { connections: 128, pipelining: 1, connect, ...timeouts })

  async function post(message: HttpMessage, signal: AbortSignal): Promise<HttpAnswer> {
    const { headers, body } = message
    const signature = keys === undefined ? [] : await signatureOf(message, keys)
    return exchange(pool, { path, method: 'POST', headers: [...standing, ...headers, ...signature], body }, signal)
  }

  /** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection */
  async function askLeave(name: string, signal: AbortSignal): Promise<void> {
    const { status, headers } = await exchange(pool, { path, method: 'OPTIONS', headers: standing, body: null }, signal)
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
      'Misconfigured',
      `${shown} does not allow ${name} to send: it answers OPTIONS with ${status} and ${answer}`,
    )
  }

  return {
    limits: { entries: mode === 'batched' ? batch : 1, bytes: maxBytes, ordered: false, dedupes: false },

    encode: (event) => httpEntryOf(event, mode),

    async send(entries, signal) {
      const message = messageOf(entries, mode)
      let answer: HttpAnswer
      try {
        answer = await post(message, signal).catch((error) => {
          if (!isReset(error)) throw error
          return post(message, signal)
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
        await reach(connect, where)
      } catch (error) {
        signal.throwIfAborted()
        throw connectionError(error, shown)
      }
    },

    close: () => pool.destroy(),
  }
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
async function signatureOf({ id, body }: HttpMessage, keys: SigningKeys): Promise<string[]> {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signature = await keys.sign(id, timestamp, body)
  return ['webhook-id', id, 'webhook-timestamp', timestamp, 'webhook-signature', signature]
}
