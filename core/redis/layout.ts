import type { Redis } from 'ioredis'
import { type InstallationKeys, layoutVersion } from './keys.ts'

/** What stands in Redis was laid out by a newer version, and this process would misread it. */
export class NewerLayout extends Error {
  override readonly name = 'NewerLayout'
  readonly found: string
  readonly known: number

  constructor(found: string, known: number) {
    super(
      `Redis holds layout ${found}, and this version of deltabridge knows layouts up to ${known}: ` +
        'run the version that wrote it or a newer one, or set another redis.prefix to start an installation beside it',
    )
    this.found = found
    this.known = known
  }
}

/** Marks an empty installation with this version's layout, and refuses one whose layout is newer. Safe to run from many processes at once. */
export async function openInstallation(redis: Redis, keys: InstallationKeys): Promise<void> {
  // the first of them writes; whoever comes second reads what the first one wrote
  await redis.set(keys.layout, layoutVersion, 'NX')
  const found = await redis.get(keys.layout)
  // what is no number was written by nobody we know: not ours to touch either
  if (found === null || !(Number(found) <= layoutVersion))
    throw new NewerLayout(found ?? 'of no version', layoutVersion)
}
