import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Log } from '../../core/log.ts'
import { SinkError } from './sink.ts'

/**
 * Signs as https://www.standardwebhooks.com has it, with every key of a file, so that a receiver may know the old one or the new
 * one while a key is being replaced.
 */
export class SigningKeys {
  readonly #file: string
  readonly #log: Pick<Log, 'warn'> | undefined
  readonly #rereadMs: number
  #keys: Promise<readonly Buffer[]> | undefined
  #readAt = 0

  constructor(file: string, log?: Pick<Log, 'warn'>, rereadMs = 5_000) {
    this.#file = file
    this.#log = log
    this.#rereadMs = rereadMs
  }

  /** `v1,…` for each key. Rejects with a SinkError while the file has never been readable. */
  async sign(id: string, timestamp: string, body: string): Promise<string> {
    const keys = await this.read()
    const of = (key: Buffer) => createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
    return keys.map((key) => `v1,${of(key)}`).join(' ')
  }

  /** A file that is being replaced may be gone or half there: then the last good keys hold on. */
  read(): Promise<readonly Buffer[]> {
    const now = performance.now()
    if (this.#keys === undefined || now - this.#readAt >= this.#rereadMs) {
      const before = this.#keys
      this.#readAt = now
      this.#keys = readKeys(this.#file).catch(async (error: SinkError) => {
        const last = await before
        if (last === undefined) {
          this.#keys = undefined
          throw error
        }
        this.#log?.warn({ err: error.message }, 'the signing keys could not be read anew; the last ones hold on')
        return last
      })
    }
    return this.#keys
  }
}

async function readKeys(file: string): Promise<Buffer[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new SinkError('Misconfigured', `signingKeyFile ${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  const lines = text.split('\n').map((line) => line.trim())
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'))
  const fix = 'write one key a line, the newest first: whsec_ and 24 to 64 bytes in base64'
  if (keys.length === 0) throw new SinkError('Misconfigured', `signingKeyFile ${file} holds no key: ${fix}`)
  return keys.map((key, n) => {
    const base64 = key.replace(/^whsec_/, '')
    const bytes = Buffer.from(base64, 'base64')
    // the key itself is not repeated
    if (!/^[A-Za-z0-9+/]+=*$/.test(base64) || bytes.length < 24 || bytes.length > 64)
      throw new SinkError('Misconfigured', `signingKeyFile ${file}: key ${n + 1} is none: ${fix}`)
    return bytes
  })
}
