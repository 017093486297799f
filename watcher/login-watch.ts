import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { kubeconfigFiles } from '../core/config/kubeconfig-files.ts'
import type { ClusterAccess } from '../core/config/settings.ts'
import { readLogin } from './kubeconfig.ts'

export interface LoginWatchOptions {
  readonly changed: () => void
  /** The files say something else now, and it cannot be used. Told once for each edit. */
  readonly spoiled: (message: string) => void
  readonly pollMs?: number
}

/**
 * Tells when a kubeconfig says another login than it did, until `signal` aborts. Only files that changed are read again; token
 * files and certificates beside them are the connection's own matter.
 */
export async function watchLogin(
  access: ClusterAccess,
  signal: AbortSignal,
  { changed, spoiled, pollMs = 1_000 }: LoginWatchOptions,
): Promise<void> {
  if (access.inCluster) return
  const files = access.kubeconfig === undefined ? kubeconfigFiles() : [access.kubeconfig]
  const begunWith = loginMark(access)
  let seen = await markFiles(files)
  let before = seen
  while (!signal.aborted) {
    await sleep(pollMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    const now = await markFiles(files)
    // twice the same: nobody is in the middle of writing
    const settled = now === before
    before = now
    if (!settled || now === seen) continue
    seen = now
    const login = loginMark(access)
    if ('fault' in login) spoiled(login.fault)
    else if (!('mark' in begunWith) || begunWith.mark !== login.mark) return changed()
  }
}

/** Stands for the login without holding its secrets. */
function loginMark(access: ClusterAccess): { readonly mark: string } | { readonly fault: string } {
  try {
    return {
      mark: createHash('sha256')
        .update(JSON.stringify(readLogin(access)))
        .digest('hex'),
    }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

async function markFiles(files: readonly string[]): Promise<string> {
  const marks = files.map(async (file) => {
    const info = await stat(file).catch(() => undefined)
    return info ? `${info.mtimeMs} ${info.size} ${info.ino}` : ''
  })
  return (await Promise.all(marks)).join('\n')
}
