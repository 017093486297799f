import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const baseImages = ['node:24-bookworm-slim', 'redis:7-bookworm']

/** Runs one command of docker compose; answers its standard output. */
export type Compose = (...args: string[]) => Promise<string>

/** How containers can be run here, or why they cannot. */
export async function findCompose(): Promise<{ command: readonly string[] } | { skipped: string }> {
  if (!(await succeeds('docker', 'info')))
    return { skipped: 'No Docker engine answers: install and start one to have docker-compose.yml tried.' }
  const command = (await succeeds('docker', 'compose', 'version')) ? ['docker', 'compose'] : ['docker-compose']
  if (!(await succeeds(command[0]!, ...command.slice(1), 'version')))
    return {
      skipped: 'There is no docker compose: install its plugin, or docker-compose, to have docker-compose.yml tried.',
    }
  for (const image of baseImages) {
    if (!(await succeeds('docker', 'image', 'inspect', image)) && !(await succeeds('docker', 'pull', image)))
      return { skipped: `The image ${image} is not here and cannot be pulled, so docker-compose.yml is not tried.` }
  }
  return { command }
}

/** docker-compose.yml of the checkout, its playground included, under a project name of its own. */
export function composeProject(
  command: readonly string[],
  project: string,
  variables: Record<string, string>,
): Compose {
  const [file, ...before] = command
  const env = { ...process.env, ...variables }
  return async (...args) => {
    const all = [...before, '-p', project, '--profile', 'playground', ...args]
    const { stdout } = await run(file!, all, { cwd: root, env, maxBuffer: 64 << 20 })
    return stdout
  }
}

/** What the engine says about a container. */
export async function inspectContainer(id: string): Promise<{
  State: { Running: boolean; ExitCode: number; Health?: { Status: string; Log: { Output: string }[] } }
  HostConfig: { ReadonlyRootfs: boolean; CapDrop: string[] | null; SecurityOpt: string[] | null }
  Mounts: { Type: string; RW: boolean }[]
  Config: { User: string }
}> {
  const { stdout } = await run('docker', ['inspect', id])
  return JSON.parse(stdout)[0]
}

async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  )
}
