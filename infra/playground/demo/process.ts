import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** One line of a process' log. */
export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** The local bus takes any credentials; the user's own must not be looked for. */
const nobodysCredentials = {
  AWS_ACCESS_KEY_ID: 'demo',
  AWS_SECRET_ACCESS_KEY: 'demo',
  AWS_SESSION_TOKEN: '',
  AWS_PROFILE: '',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
}

/** A `deltabridge watcher` or `dispatcher`, as one runs it in production: a process of its own. */
export class BridgeProcess {
  readonly #args: readonly string[]
  readonly #told: (line: LogLine) => void
  #child: ChildProcess | undefined

  /** `cli`: the file of the command line; `told` hears every line of its log. */
  constructor(cli: string, args: readonly string[], told: (line: LogLine) => void) {
    this.#args = [cli, ...args]
    this.#told = told
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  start(): void {
    const env = { ...process.env, ...nobodysCredentials }
    const child = spawn(process.execPath, this.#args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (text) => this.#told(parse(text)))
    createInterface({ input: child.stderr }).on('line', (text) => this.#told(parse(text)))
  }

  /** SIGKILL: no chance to put anything in order. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text)
  } catch {
    return { level: 'error', msg: text }
  }
}
