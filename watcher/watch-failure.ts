import { ApiFailure } from './connection.ts'
import { BadKubeconfig } from './kubeconfig.ts'
import { NoObject } from './object.ts'

/**
 * Why a list or a watch ended, in the API's own words where it has some.
 * `next`: what can help. `watch`: go on from the same position. `list`: that position is of no use any more.
 */
export interface WatchFailure {
  readonly reason: string
  readonly message: string
  readonly next: 'watch' | 'list'
  /** The server's own wish. */
  readonly retryAfterMs: number
  /** Nobody answered at all: that is the cluster's failure, not this request's. */
  readonly outage?: true
  /** The request itself is refused, whenever it is made. */
  readonly invalid?: true
}

/** From anything thrown while listing or watching to a decision. Total: what is not known is a matter of the connection. */
export function watchFailure(thrown: unknown): WatchFailure {
  if (thrown instanceof ApiFailure) return apiFailure(thrown)
  if (thrown instanceof SyntaxError || thrown instanceof NoObject)
    return { reason: 'BadResponse', message: thrown.message, next: 'watch', retryAfterMs: 0 }
  if (thrown instanceof BadKubeconfig)
    return { reason: 'BadKubeconfig', message: thrown.message, next: 'watch', retryAfterMs: 0 }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  // fetch-like clients hide the socket's error in `cause`
  const cause = error.cause instanceof Error ? error.cause : error
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : error.name
  return {
    reason: socketReasons[code] ?? code,
    message: cause.message || error.message || code,
    next: 'watch',
    retryAfterMs: 0,
    ...(outageCodes.has(code) && { outage: true as const }),
  }
}

const outageCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

const socketReasons: Record<string, string> = {
  ECONNREFUSED: 'ConnectionRefused',
  ECONNRESET: 'ConnectionReset',
  UND_ERR_SOCKET: 'ConnectionReset',
  EPIPE: 'ConnectionReset',
  ENOTFOUND: 'NameNotFound',
  EAI_AGAIN: 'NameNotFound',
  EHOSTUNREACH: 'NetworkUnreachable',
  ENETUNREACH: 'NetworkUnreachable',
  ETIMEDOUT: 'Timeout',
  UND_ERR_CONNECT_TIMEOUT: 'Timeout',
  UND_ERR_HEADERS_TIMEOUT: 'Timeout',
}

function apiFailure({ status, message, retryAfterMs }: ApiFailure): WatchFailure {
  // 410 says that this position is gone; every other answer leaves it as good as it was
  const gone = status.code === 410 || status.reason === 'Expired' || status.reason === 'Gone'
  const reason = status.reason || httpReasons[status.code] || `HTTP ${status.code}`
  return { reason, message, next: gone ? 'list' : 'watch', retryAfterMs }
}

const httpReasons: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  410: 'Gone',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}
