import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const home = fileURLToPath(new URL('../../.cache/moto', import.meta.url))

/** An AWS that nobody here wrote. */
export interface Moto extends AsyncDisposable {
  readonly url: string
}

/** A Python with moto and cfn-lint, made on first use; or what is missing for it. */
export async function motoTools(): Promise<{ readonly bin: string } | { readonly skipped: string }> {
  const bin = join(home, 'bin')
  if (existsSync(join(bin, 'moto_server')) && existsSync(join(bin, 'cfn-lint'))) return { bin }
  try {
    await execute('python3', ['-m', 'venv', home])
    await execute(join(bin, 'pip'), ['install', '--quiet', 'moto[server,events,s3,sqs]>=5.1,<6', 'cfn-lint>=1,<2'], {
      timeout: 300_000,
    })
    return { bin }
  } catch (error) {
    const [line] = (error as Error).message.split('\n')
    return { skipped: `moto and cfn-lint are skipped: no Python that can install them (${line})` }
  }
}

export async function startMoto(bin: string): Promise<Moto> {
  const port = await freePort()
  const child = spawn(join(bin, 'moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    env: { PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`, HOME: home },
  })
  const url = `http://127.0.0.1:${port}`
  await answered(child, `${url}/moto-api/`)
  return {
    url,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      const exit = once(child, 'exit')
      child.kill()
      await exit
    },
  }
}

async function answered(child: ChildProcess, url: string): Promise<void> {
  for (const until = performance.now() + 60_000; performance.now() < until; await sleep(100)) {
    if (child.exitCode !== null) throw new Error(`moto_server ended with ${child.exitCode}`)
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return
  }
  child.kill()
  throw new Error('moto_server did not answer within a minute')
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
