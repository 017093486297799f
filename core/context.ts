/** One log level: `log.info('scaled')` or `log.info({ replicas: 3 }, 'scaled')`. */
export interface LogMethod {
  (message: string): void
  (fields: object, message?: string): void
}

/** The log of one delivery: cluster, object, trigger and attempt are already in it. A pino `Logger` is one. */
export interface Log {
  debug: LogMethod
  info: LogMethod
  warn: LogMethod
  error: LogMethod
}

/** What a handler is given beside the delta. */
export interface Context {
  log: Log
  /** Aborts on timeout and on shutdown: hand it to `fetch` and the like. */
  signal: AbortSignal
  /** From 1. */
  attempt: number
  /** The same on every attempt at this delta by this trigger: a key for doing things once. */
  deliveryId: string
  /** The trigger's name, which is the function's. */
  trigger: string
}
