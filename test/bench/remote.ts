import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a process of its own can be asked. */
export type Answers = Record<string, (...args: never[]) => unknown>

interface Question {
  readonly id: number
  readonly what: string
  readonly args: readonly unknown[]
}

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** A process of its own, so that what it burns is its alone; it ends with this one. */
export class Remote<A extends Answers> implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>()
  #ids = 0

  /** `env`: beside this process' own. */
  constructor(script: URL, env: Readonly<Record<string, string>> = {}) {
    this.#child = fork(fileURLToPath(script), { serialization: 'advanced', env: { ...process.env, ...env } })
    this.#child.on('message', ({ id, value, error }: Answer) => {
      const asked = this.#asked.get(id)
      this.#asked.delete(id)
      if (error === undefined) asked?.resolve(value)
      else asked?.reject(new Error(error))
    })
    this.#child.on('exit', (code, signal) => {
      for (const { reject } of this.#asked.values()) reject(new Error(`${script.pathname} ended: ${signal ?? code}`))
    })
  }

  ask<K extends keyof A & string>(what: K, ...args: Parameters<A[K]>): Promise<Awaited<ReturnType<A[K]>>> {
    const asked = Promise.withResolvers<unknown>()
    const id = this.#ids++
    this.#asked.set(id, asked)
    this.#child.send({ id, what, args } satisfies Question)
    return asked.promise as Promise<Awaited<ReturnType<A[K]>>>
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.disconnect()
    await exit
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The process' own side: answers until its parent is gone. */
export function serve<A extends Answers>(answers: A): A {
  process.on('message', async ({ id, what, args }: Question) => {
    const reply = (answer: Omit<Answer, 'id'>) => process.send?.({ id, ...answer })
    try {
      reply({ value: await answers[what]!(...(args as never[])) })
    } catch (error) {
      reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
  return answers
}
