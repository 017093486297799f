import { type FollowOptions, followSettings } from './core/config/follow.ts'
import type { Settings } from './core/config/settings.ts'
import { functionFrame } from './core/function-frame.ts'
import { type Readiness, startHealthServer } from './core/health.ts'
import type { Log } from './core/log.ts'

/** A watcher or a dispatcher that runs. */
export interface Part extends Readiness {
  /** Goes on with settings that were changed while it runs, as far as it can. */
  follow(settings: Settings): void
  /** Drains, at most for `drainSeconds`. */
  close(): Promise<void>
  /** Resolves when it cannot go on, whatever it waits for. */
  readonly failed?: Promise<Error>
}

/** Rejects for settings that cannot work; what is merely away is waited for. */
export type OpenPart = (settings: Settings, log: Log) => Promise<Part>

/** A Ctrl-C under npm arrives twice: from the terminal, and passed on by npm. */
const sameSignalMs = 150
/** What functions left running does not keep the process: all that is ours has closed by then. */
const lingerMs = 1_000

/** Aborts with the first SIGTERM or SIGINT; the second ends the process at once. */
export function stopOnSignals(log?: Log): AbortSignal {
  const stop = new AbortController()
  let firstAt = 0
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) {
        if (performance.now() - firstAt > sameSignalMs) process.exit(code)
        return
      }
      firstAt = performance.now()
      log?.info({ signal }, 'stopping; once more to leave at once')
      stop.abort()
    })
  }
  return stop.signal
}

/** What takes a new process, by the name it has in the file. */
const atStartOnly = ['redis', 'functions', 'listen', 'log', 'orphanSeconds', 'drainSeconds'] as const

/** Runs until `stop` aborts (0) or a part fails (1). `load` reads the configuration again. */
export async function runParts(
  open: readonly OpenPart[],
  settings: Settings,
  log: Log,
  stop: AbortSignal,
  load: () => Settings,
): Promise<number> {
  process.on('uncaughtException', (err, origin) => {
    // one function that forgot an await is no reason to stop all the others
    if (origin === 'unhandledRejection' && functionFrame(err) !== undefined) {
      log.error(
        { err },
        'a function left a promise that failed: await it in the handler, so that the delivery is retried',
      )
      return
    }
    log.error({ err }, 'uncaught error')
    process.exit(1)
  })
  const parts: Part[] = []
  let state: 'starting' | 'running' | 'closing' = 'starting'
  const whole: Readiness = {
    problems: async () => [
      ...(state === 'running' ? [] : [state]),
      ...(await Promise.all(parts.map((part) => part.problems()))).flat(),
    ],
    metrics: async () => (await Promise.all(parts.map((part) => part.metrics?.() ?? ''))).join(''),
  }
  const health = settings.listen === 'off' ? undefined : await startHealthServer(settings.listen, [whole], log)
  let inForce = settings
  async function start(open: OpenPart): Promise<void> {
    const part = await open(settings, log)
    // what took longer to start than it was wanted
    if (state === 'closing') return part.close()
    parts.push(part)
    if (inForce !== settings) part.follow(inForce)
  }
  const unfollow = new AbortController()
  const options: FollowOptions = {
    load,
    changed(next) {
      const late = atStartOnly.filter((key) => JSON.stringify(next[key]) !== JSON.stringify(settings[key]))
      inForce = next
      log.info('configuration was changed and is in force')
      if (late.length > 0) log.warn({ settings: late }, 'these take effect when the process is started again')
      for (const part of parts) part.follow(next)
    },
    refused: ({ message }) =>
      log.error({ err: message }, 'configuration was changed and cannot be used; what was in force stays so'),
  }
  const following = followSettings(settings, options, unfollow.signal)
  try {
    const stopped = abortOf(stop)
    await Promise.race([stopped, Promise.all(open.map(start))])
    state = 'running'
    const failed = await Promise.race([stopped, ...parts.flatMap((part) => part.failed ?? [])])
    if (failed) log.error({ err: failed }, 'cannot go on')
    return failed ? 1 : 0
  } finally {
    state = 'closing'
    unfollow.abort()
    await following
    await Promise.all(parts.map((part) => part.close()))
    await health?.close()
    setTimeout(() => process.exit(), lingerMs).unref()
  }
}

function abortOf(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
