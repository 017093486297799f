/** Finds or builds the folder that holds `kube-apiserver` and `etcd`, by the convention of controller-runtime's envtest. */
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const module = fileURLToPath(new URL('.', import.meta.url))
const cache = fileURLToPath(new URL('../../.cache/envtest/', import.meta.url))
const bin = join(cache, 'bin')

/** Never fetched as binaries: a folder the user names, else what was built before, else built from Go modules. */
export async function envtestAssets(): Promise<{ dir: string } | { skipped: string }> {
  const named = process.env.KUBEBUILDER_ASSETS
  if (named) {
    if (await holdsServers(named)) return { dir: named }
    throw new Error(`KUBEBUILDER_ASSETS is ${named}, which does not hold both kube-apiserver and etcd as executables`)
  }
  if ((await holdsServers(bin)) && (await isBuiltFrom(join(module, 'go.mod')))) return { dir: bin }
  if (await onPath('go')) return { dir: await build() }
  return {
    skipped:
      'There is no kube-apiserver to test against: put Go on PATH to have one built, or set KUBEBUILDER_ASSETS to a folder that holds kube-apiserver and etcd.',
  }
}

async function build(): Promise<string> {
  console.log(`Building kube-apiserver and etcd into ${bin}; this takes minutes, once.`)
  const goMod = await readFile(join(module, 'go.mod'), 'utf8')
  const [, version, major, minor] = /k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)$/m.exec(goMod) ?? []
  const versionFlags = [`gitVersion=${version}`, `gitMajor=${major}`, `gitMinor=${minor}`]
    .map((flag) => `-X k8s.io/component-base/version.${flag}`)
    .join(' ')
  await mkdir(cache, { recursive: true })
  // Built aside and renamed, so that an interrupted build is never taken for a finished one.
  const aside = await mkdtemp(join(cache, 'building-'))
  try {
    await go(['build', '-trimpath', '-ldflags', `-s -w ${versionFlags}`, '-o', `${aside}/`, './...'])
    await copyFile(join(module, 'go.mod'), join(aside, 'go.mod'))
    await rm(bin, { recursive: true, force: true })
    await rename(aside, bin)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  return bin
}

async function go(args: string[]): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' }
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const child = spawn('go', args, { cwd: module, env, stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  child.on('error', reject)
  child.on('close', (code) => {
    if (code === 0) resolve()
    else reject(new Error(`go ${args[0]} failed (${code}):\n${output.slice(-4000)}`))
  })
  return promise
}

/** The go.mod of a build lies beside its binaries, so that a new Kubernetes version is noticed. */
async function isBuiltFrom(goMod: string): Promise<boolean> {
  const [wanted, built] = await Promise.all([
    readFile(goMod, 'utf8'),
    readFile(join(bin, 'go.mod'), 'utf8').catch(() => undefined),
  ])
  return wanted === built
}

async function holdsServers(dir: string): Promise<boolean> {
  return (await isExecutable(join(dir, 'kube-apiserver'))) && (await isExecutable(join(dir, 'etcd')))
}

async function onPath(command: string): Promise<boolean> {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    if (dir && (await isExecutable(join(dir, command)))) return true
  }
  return false
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
