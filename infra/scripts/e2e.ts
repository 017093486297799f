/**
 * The tests against real parts: `npm run e2e`, with vitest's own arguments behind `--`. What a machine lacks is skipped,
 * and told here.
 *
 *   npm run e2e
 *   npm run e2e -- main-job --reporter=verbose
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Part {
  readonly what: string
  /** What is skipped, and what to do about it; undefined: it is there. */
  missing(): string | undefined
}

const parts: readonly Part[] = [
  {
    what: 'kube-apiserver and etcd',
    missing() {
      if (process.env.KUBEBUILDER_ASSETS || runs('go', 'version') || existsSync(join(root, '.cache/envtest/bin/etcd')))
        return
      return 'put Go on PATH to have them built, or set KUBEBUILDER_ASSETS to a folder that holds both'
    },
  },
  {
    what: 'moto, an AWS that nobody here wrote, and cfn-lint',
    missing() {
      if (existsSync(join(root, '.cache/moto/bin/moto_server')) || runs('python3', '-m', 'venv', '--help')) return
      return 'put a Python 3 with venv on PATH: moto and cfn-lint are installed into .cache/moto'
    },
  },
  {
    what: 'containers',
    missing() {
      if (!runs('docker', 'info')) return 'no Docker engine answers: start one'
      if (!runs('docker', 'compose', 'version') && !runs('docker-compose', 'version')) return 'install docker compose'
      return
    },
  },
]

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const args = [vitest, 'run', '--config', 'vitest.e2e.config.ts', ...process.argv.slice(2)]
const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
// vitest gets the terminal's signals itself, and ends what it started; this only waits
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill(name))
const [code] = await once(child, 'exit')
for (const { what, missing } of parts) {
  const how = missing()
  if (how !== undefined) console.log(`Skipped, for there is no part for it: ${what}. To have it tested, ${how}.`)
}
process.exitCode = code ?? 1

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
