import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'

export type Role = 'watcher' | 'dispatcher' | 'start'

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

const bin = fileURLToPath(new URL('../../bin/deltabridge.js', import.meta.url))

/** Of whoever runs the tests nothing is used: neither a kubeconfig nor credentials. */
const environment = (home: string) => ({
  PATH: process.env.PATH,
  HOME: home,
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_EC2_METADATA_DISABLED: 'true',
})

/** `deltabridge watcher`, `dispatcher` or `start`, as a process of its own. */
export class BridgeProcess {
  readonly child: ChildProcess
  /** What it wrote, as text. */
  out = ''
  readonly log: LogLine[] = []
  readonly #exit: Promise<readonly [code: number | null, signal: string | null]>

  /** Runs in a folder with a deltabridge.yaml. */
  constructor(role: Role, folder: string) {
    const args = [bin, role, '--listen', '127.0.0.1:0']
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: environment(folder),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        this.out += `${line}\n`
        if (line.startsWith('{')) this.log.push(JSON.parse(line))
      })
    this.#exit = once(child, 'close') as Promise<[number | null, string | null]>
  }

  /** Resolves when it has ended and everything it wrote was read. */
  exited(): Promise<readonly [code: number | null, signal: string | null]> {
    return this.#exit
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#exit
  }

  /** SIGTERM; resolves with how it ended. */
  async stop(): Promise<readonly [code: number | null, signal: string | null]> {
    this.child.kill('SIGTERM')
    return this.#exit
  }

  /** The problems that /readyz tells, one per line; '' = ready. */
  async problems(): Promise<string> {
    const response = await this.#ask('/readyz')
    const text = await response.text()
    return response.status === 200 ? '' : text
  }

  /** What /metrics tells: name and labels as they are written there -> value. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const lines = (await (await this.#ask('/metrics')).text()).split('\n')
    const samples = lines.filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    )
  }

  async #ask(path: string): Promise<Response> {
    const url = this.log.find(({ msg }) => msg === 'health endpoints are up')?.url
    const { exitCode, signalCode } = this.child
    if (exitCode !== null || signalCode !== null) throw new Error(`ended with ${exitCode ?? signalCode}: ${this.out}`)
    if (url === undefined) throw new Error(`no health endpoints yet: ${this.out}`)
    return fetch(`${url}${path}`)
  }

  async ready(timeoutMs = 20_000): Promise<void> {
    await vi.waitFor(async () => expect(await this.problems()).toBe(''), { timeout: timeoutMs, interval: 50 })
  }
}
