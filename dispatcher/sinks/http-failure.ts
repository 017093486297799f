import type { Outcome } from '../target.ts'
import { SinkError, type SinkErrorReason } from './sink.ts'

/** An answer to what was posted. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The beginning of it. */
  readonly body: string
}

/** Of every entry in the request. Throws a SinkError when the answer is about the request as a whole. */
export function outcomeOfAnswer(answer: HttpAnswer, url: string): Outcome {
  const { status, headers } = answer
  if (status >= 200 && status < 300) return { ok: true }
  const reason = reasonOfStatus(status)
  const message = messageOfAnswer(answer, url)
  if (reason !== undefined) throw new SinkError(reason, message, { retryAfterMs: retryAfterMs(headers['retry-after']) })
  // 415: it does not want this form, and asks not to be tried again
  return {
    ok: false,
    failure: 'entry',
    ...(status === 415 && { permanent: true }),
    error: { name: `Http${status}`, message },
  }
}

/** undefined: it is the entry's alone. */
function reasonOfStatus(status: number): SinkErrorReason | undefined {
  switch (status) {
    case 400:
    case 422:
      return 'Invalid'
    case 410:
      return 'Gone'
    case 413:
      return 'TooLarge'
    case 429:
      return 'Throttled'
    case 401:
    case 403:
    case 404:
    case 405:
    case 407:
      return 'Forbidden'
    case 408:
      return 'Unavailable'
    default:
      // a redirect is a setting that is wrong: following it would send data where nobody asked for it
      if (status < 400) return 'Forbidden'
      return status >= 500 ? 'Unavailable' : undefined
  }
}

function messageOfAnswer({ status, headers, body }: HttpAnswer, url: string): string {
  if (status >= 300 && status < 400) {
    return `${url} answers ${status}, redirecting to ${String(headers.location)}: redirects are not followed, set url to where it is`
  }
  if (status === 410) return `${url} answers 410 Gone: it wants no more events; remove the sink, or correct its url`
  return `${url} answers ${status}${body === '' ? '' : `: ${body}`}`
}

/** Of a request that got no answer. */
export function connectionError(thrown: unknown, url: string): SinkError {
  if (thrown instanceof SinkError) return thrown
  const { code = '', message } = thrown as { code?: string; message: string }
  if (/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(code))
    return new SinkError('NoAnswer', `${url} does not answer in time`, { cause: thrown })
  return new SinkError('Unavailable', `${url} cannot be reached: ${message || code}`, { cause: thrown })
}

/** A kept connection may have been closed by the other side just when it was used. */
export function isReset(thrown: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes((thrown as { code?: string }).code ?? '')
}

/** Seconds, or a date. */
function retryAfterMs(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header
  if (text === undefined) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return ms > 0 ? ms : undefined
}
