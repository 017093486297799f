/** A server of a control plane as a child process; its log and its pid lie in the control plane's folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const pollMs = 100
const readyTimeoutMs = 60_000
/** With a watch open, an API server takes its time to end; a test does not wait for that. */
const terminateTimeoutMs = 2_000

export interface Server {
  /** Resolves once the probe says true; fails with the log's last lines when the process ends first, or after 60 s. */
  untilReady(probe: () => Promise<boolean>): Promise<void>
  /** SIGTERM, after 2 s SIGKILL. */
  terminate(): Promise<void>
  kill(): Promise<void>
}

export function startServer(dir: string, binary: string, name: string, args: string[]): Server {
  const logFile = join(dir, `${name}.log`)
  const pidFile = join(dir, `${name}.pid`)
  const log = openSync(logFile, 'a')
  const child = spawn(join(binary, name), args, { stdio: ['ignore', log, log] })
  closeSync(log)
  if (child.pid) writeFileSync(pidFile, `${child.pid}\n`)

  let ended: string | undefined
  const end = new Promise<void>((resolve) => {
    const settle = (how: string) => {
      ended = how
      rmSync(pidFile, { force: true })
      resolve()
    }
    child.once('error', (error) => settle(`did not start: ${error.message}`))
    child.once('exit', (code, signal) => settle(`ended with ${signal ?? `exit code ${code}`}`))
  })
  const failure = async (what: string) => {
    const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n')
    return new Error(`${name} ${what}; its last log lines:\n${lines.slice(-20).join('\n')}`)
  }

  return {
    async untilReady(probe) {
      const deadline = performance.now() + readyTimeoutMs
      while (!(await probe().catch(() => false))) {
        if (ended) throw await failure(ended)
        if (performance.now() > deadline) throw await failure(`was not ready after ${readyTimeoutMs / 1000} s`)
        await delay(pollMs)
      }
    },
    async terminate() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), terminateTimeoutMs)
      await end
      clearTimeout(timer)
    },
    async kill() {
      child.kill('SIGKILL')
      await end
    },
  }
}

/**
 * Kills what has a pid file in the folder and removes the folder, as soon as this process is gone, however it went:
 * the watchdog waits for the end of its standard input, which also a SIGKILL brings about.
 */
export function startWatchdog(dir: string): { dismiss(): Promise<void> } {
  const script = 'read _; for pid in $(cat "$0"/*.pid); do kill -9 "$pid"; done; sleep 1; rm -rf "$0"'
  // A group of its own, so that Ctrl-C ends the tests and not the watchdog.
  const watchdog: ChildProcess = spawn('sh', ['-c', script, dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.unref()
  return {
    async dismiss() {
      if (watchdog.exitCode !== null || watchdog.signalCode !== null) return
      watchdog.ref()
      const exit = once(watchdog, 'exit')
      watchdog.kill('SIGKILL')
      await exit
    },
  }
}
