import { readFileSync } from 'node:fs'
import { Redis, type RedisOptions } from 'ioredis'

/** Where Redis is and how to speak to it; `prefix` lets several installations share one. */
export interface RedisSettings {
  readonly url: string
  readonly username?: string
  readonly passwordFile?: string
  readonly tls?: { readonly caFile?: string }
  readonly prefix: string
}

/**
 * `commands`: a command whose answer never came is not sent again behind our back, and none waits in memory while Redis
 * is gone: every script is safe to send twice, but only its caller knows whether it should be.
 * `jobs`: BullMQ's connections, which wait for Redis instead.
 */
export type ConnectionUse = 'commands' | 'jobs'

/** Opens a connection; it connects, and reconnects for ever, in the background. */
export function connectRedis(settings: RedisSettings, use: ConnectionUse): Redis {
  return new Redis(settings.url, redisOptions(settings, use))
}

function redisOptions(settings: RedisSettings, use: ConnectionUse): RedisOptions {
  const options: RedisOptions = {
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
    connectTimeout: 5_000,
    keepAlive: 15_000,
    // After a failover the old master keeps its connections and refuses every write, scripts' own words around it. The command
    // has failed and is its caller's; the next one finds whoever has the name by then.
    reconnectOnError: ({ message }) => message.includes('READONLY'),
  }
  if (settings.username !== undefined) options.username = settings.username
  if (settings.passwordFile !== undefined) options.password = readFileSync(settings.passwordFile, 'utf8').trim()
  if (settings.tls) options.tls = settings.tls.caFile ? { ca: readFileSync(settings.tls.caFile) } : {}
  if (use === 'commands') {
    options.autoResendUnfulfilledCommands = false
    options.enableOfflineQueue = false
    options.commandTimeout = 10_000
  }
  return options
}

/** Resolves when the connection is ready to take commands; rejects only when `signal` aborts. */
export function redisReady(redis: Redis, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      redis.off('ready', ready)
      signal.removeEventListener('abort', aborted)
    }
    const ready = () => {
      done()
      resolve()
    }
    const aborted = () => {
      done()
      reject(signal.reason)
    }
    if (signal.aborted) return aborted()
    if (redis.status === 'ready') return ready()
    redis.on('ready', ready)
    signal.addEventListener('abort', aborted)
  })
}

/** Redis answers and refuses, for a state of its own that may pass: it is full, loading, a replica, or cannot write its disk. */
export function mayPass(error: unknown): error is Error {
  return error instanceof Error && /^(OOM|LOADING|READONLY|MISCONF|TRYAGAIN|CLUSTERDOWN)\b/.test(error.message)
}
