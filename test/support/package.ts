import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import packageJson from '../../package.json' with { type: 'json' }

const execute = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

/** A project of somebody else, in a folder of its own. */
export interface Project {
  readonly folder: string
  /** Runs a program there; resolves with what it printed, rejects when it fails. */
  run(program: string, ...args: readonly string[]): Promise<string>
  remove(): Promise<void>
}

export async function emptyProject(): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), 'deltabridge-project-'))
  await writeFile(join(folder, 'package.json'), '{ "name": "project", "private": true, "type": "module" }')
  return {
    folder,
    async run(program, ...args) {
      try {
        const { stdout } = await execute(program, args, { cwd: folder })
        return stdout
      } catch (error) {
        // what a compiler has to say stands in stdout, and not in the message
        const { message, stdout = '' } = error as Error & { stdout?: string }
        throw new Error(`${message}\n${stdout}`)
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Builds and packs; resolves with the tarball, in the project's folder. */
export async function pack({ folder }: Project): Promise<string> {
  const { stdout } = await execute('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })
  // the build prints before npm does
  const [, filename] = /"filename":\s*"([^"]+)"/.exec(stdout) ?? []
  if (filename === undefined) throw new Error(`npm pack did not name a file: ${stdout}`)
  return join(folder, filename)
}

/** Unpacks a tarball where npm would, with what it depends on linked from this checkout: no registry is asked. */
export async function unpack(project: Project, tarball: string): Promise<void> {
  const modules = join(project.folder, 'node_modules')
  await mkdir(modules)
  await project.run('tar', '-xzf', tarball)
  await cp(join(project.folder, 'package'), join(modules, packageJson.name), { recursive: true })
  for (const name of [...Object.keys(packageJson.dependencies), '@types/node']) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
}

/** The compiler of this checkout. */
export const tsc = join(root, 'node_modules', '.bin', 'tsc')
