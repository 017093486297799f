import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { loadScript, type Script } from '../core/redis/script.ts'

/** The lease that makes one process the owner of a cluster. Redis' clock counts, and every commit shows the token. */
const leaseMs = 10_000
const renewEveryMs = 3_000
/** How often a candidate asks for a cluster that another one owns: what is handed over stands still for about this long. */
const askEveryMs = 400

export interface OwnerScripts {
  readonly renew: Script
  readonly release: Script
}

export function loadOwnerScripts(): OwnerScripts {
  const load = (name: string) => loadScript(new URL(`${name}.lua`, import.meta.url))
  return { renew: load('owner-renew'), release: load('owner-release') }
}

/** A cluster that is owned by this process, for as long as `signal` has not aborted. */
export interface Ownership {
  readonly token: string
  readonly signal: AbortSignal
  /** The lease is known to be lost: a script said so. */
  lose(): void
  /** Gives it up, so that another process can have it at once. */
  release(): Promise<void>
}

/** Whoever waits for a cluster. What either rejects with ends the waiting. */
export interface Candidate {
  /** Told again and again that the cluster is another's, or left to another. */
  standby(): Promise<void>
  /** Asked before it takes a cluster that has been free for this long. */
  mayTake(freeForMs: number): Promise<boolean>
}

/** Waits for the cluster to be free, and takes it if the candidate may. Rejects when `signal` aborts; Redis being away is waited for. */
export async function takeOwnership(
  redis: Redis,
  scripts: OwnerScripts,
  key: string,
  signal: AbortSignal,
  candidate: Candidate,
): Promise<Ownership> {
  const token = randomUUID()
  let freeSince: number | undefined
  for (;;) {
    const holder = await redis.get(key).catch(() => undefined)
    // sent twice when an answer got lost: then our own token is found
    if (holder === token) break
    if (holder === null) {
      freeSince ??= performance.now()
      const may = await candidate.mayTake(performance.now() - freeSince)
      signal.throwIfAborted()
      if (may && (await redis.set(key, token, 'PX', leaseMs, 'NX').catch(() => null))) break
    } else if (holder !== undefined) freeSince = undefined
    await candidate.standby()
    await sleep(askEveryMs, undefined, { signal })
  }
  const lost = new AbortController()
  const renewing = new AbortController()
  const renew = async () => {
    while (!renewing.signal.aborted) {
      await sleep(renewEveryMs, undefined, { signal: renewing.signal }).catch(() => {})
      if (renewing.signal.aborted) return
      const renewed = await scripts.renew.run(redis, [key], [token, leaseMs]).catch(() => undefined)
      if (renewed === 0) return lost.abort(new Error('the lease ran out'))
      // unanswered: whether the lease still stands, the next commit will tell
    }
  }
  const renewed = renew()
  return {
    token,
    signal: lost.signal,
    lose: () => lost.abort(new Error('another process owns the cluster')),
    async release() {
      renewing.abort()
      await renewed
      await scripts.release.run(redis, [key], [token]).catch(() => {})
    },
  }
}
