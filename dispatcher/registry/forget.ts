import type { Redis } from 'ioredis'
import type { InstallationKeys } from '../../core/redis/keys.ts'
import { loadScript } from '../../core/redis/script.ts'
import { livesMs } from '../../core/status.ts'

export type ForgottenTrigger =
  /** Dispatchers remove what waits for it. */
  | { readonly status: 'Dropping'; readonly id: string }
  /** A living process has its target: it would be there again at once. */
  | { readonly status: 'Published' }
  | { readonly status: 'NotFound' }

/** Ends a trigger that nobody publishes, without waiting for its time to be over. */
export async function forgetTrigger(redis: Redis, keys: InstallationKeys, name: string): Promise<ForgottenTrigger> {
  const script = loadScript(new URL('begin-drop.lua', import.meta.url))
  const names = [keys.triggers, keys.publishers, keys.triggersRevision]
  const [status, id = ''] = (await script.run(redis, names, [name, livesMs])) as [string, string | undefined]
  if (status === 'DROPPING') return { status: 'Dropping', id }
  return { status: status === 'PUBLISHED' ? 'Published' : 'NotFound' }
}
