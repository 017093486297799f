import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Cluster, KubeConfig, type User } from '@kubernetes/client-node'
import { parse } from 'yaml'
import { kubeconfigFiles } from '../core/config/kubeconfig-files.ts'
import type { ClusterAccess } from '../core/config/settings.ts'
import { type OidcLogin, oidcLogin } from './oidc.ts'

/** The credentials of a cluster cannot be used as they stand. */
export class BadKubeconfig extends Error {
  override name = 'BadKubeconfig'
}

/** One cluster and one user of it, apart from all others of their file. */
export interface Login {
  readonly cluster: Cluster
  readonly user: User
  /** Absolute; read by us, since the library knows it by another key, reads it once, and sends its newline. */
  readonly tokenFile?: string
  readonly oidc?: OidcLogin
  /** What the library leaves out of an impersonation. */
  readonly headers: Readonly<Record<string, string | string[]>>
}

/** Reads the login that `access` means. Throws BadKubeconfig, saying what to change. */
export function readLogin(access: ClusterAccess): Login {
  const files = access.inCluster ? [] : access.kubeconfig === undefined ? kubeconfigFiles() : [access.kubeconfig]
  const where = access.inCluster ? 'the service account' : files.join(', ')
  const config = load(access, where)
  const name = access.context ?? config.getCurrentContext()
  const names = config.getContexts().map((context) => context.name)
  if (!name) throw new BadKubeconfig(`${where} has no current-context: set one, or name one of: ${list(names)}`)
  const context = config.getContextObject(name)
  if (!context)
    throw new BadKubeconfig(`${where} has no context ${JSON.stringify(name)}: name one of its own: ${list(names)}`)
  const found = config.getCluster(context.cluster)
  if (!found)
    throw new BadKubeconfig(
      `${where}: context ${name} names the cluster ${context.cluster}, which is not among its clusters: add it there`,
    )
  // kubectl takes a context without user as well: nobody in particular
  const user = context.user ? config.getUser(context.user) : { name: 'anonymous' }
  if (!user)
    throw new BadKubeconfig(
      `${where}: context ${name} names the user ${context.user}, which is not among its users: add it there`,
    )
  // whoever writes http:// has decided that; the library wants to hear it twice
  const cluster = found.server.startsWith('http:') ? { ...found, skipTLSVerify: true } : found
  return { cluster, headers: {}, ...(context.user ? beyondLibrary(files, context.user, user) : { user }) }
}

/** The library's own object for exactly this login. */
export function configOf({ cluster, user }: Login): KubeConfig {
  const config = new KubeConfig()
  config.loadFromClusterAndUser(cluster, user)
  return config
}

function list(names: readonly string[]): string {
  return names.join(', ') || 'there is none'
}

function load({ kubeconfig, inCluster }: ClusterAccess, where: string): KubeConfig {
  const config = new KubeConfig()
  try {
    if (inCluster) config.loadFromCluster()
    else if (kubeconfig === undefined) config.loadFromDefault()
    else {
      const content: unknown = parse(readFileSync(kubeconfig, 'utf8'))
      if (typeof content !== 'object' || content === null) throw new Error('it is empty, or no YAML mapping')
      config.loadFromFile(kubeconfig)
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new BadKubeconfig(`${where} cannot be read as a kubeconfig: ${message}`, { cause: error })
  }
  return config
}

/** What kubectl understands of a user and the library does not. */
function beyondLibrary(
  files: readonly string[],
  name: string,
  user: User,
): Pick<Login, 'user' | 'tokenFile'> & Partial<Login> {
  const inPod = user.authProvider?.name === 'tokenFile' ? user.authProvider.config?.tokenFile : undefined
  if (typeof inPod === 'string') return { user: { name }, tokenFile: inPod }
  for (const file of files) {
    if (!existsSync(file)) continue
    const folder = dirname(resolve(file))
    const { users } = parse(readFileSync(file, 'utf8')) ?? {}
    const raw = Array.isArray(users) ? users.find((one) => one?.name === name)?.user : undefined
    if (!raw) continue
    const command = user.exec?.command
    // as kubectl: a path is relative to the file, a bare name is looked for on PATH
    const exec = command?.includes('/') ? { ...user.exec, command: resolve(folder, command) } : user.exec
    const { authProvider, ...withoutProvider } = user
    const oidc = authProvider?.name === 'oidc' && oidcLogin({ ...authProvider.config }, (path) => resolve(folder, path))
    return {
      user: { ...(oidc ? withoutProvider : user), exec },
      ...(oidc && { oidc }),
      headers: impersonation(raw),
      ...(typeof raw.tokenFile === 'string' && { tokenFile: resolve(folder, raw.tokenFile) }),
    }
  }
  return { user }
}

function impersonation(user: Record<string, unknown>): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  if (Array.isArray(user['as-groups'])) headers['impersonate-group'] = user['as-groups'].map(String)
  if (typeof user['as-uid'] === 'string') headers['impersonate-uid'] = user['as-uid']
  for (const [key, values] of Object.entries(user['as-user-extra'] ?? {}))
    headers[`impersonate-extra-${encodeURIComponent(key.toLowerCase())}`] = [values].flat().map(String)
  return headers
}
