import type { Redis } from 'ioredis'
import type { Jobs } from '../core/queue/jobs.ts'
import type { WorkQueue } from './queue/queue.ts'

export interface SweepContext {
  readonly redis: Redis
  readonly queue: WorkQueue
  readonly jobs: Pick<Jobs, 'addDrain' | 'exists'>
  readonly triggerId: string
  readonly leaseMs: number
  /** A parked object this late is put back without its retry job. */
  readonly overdueMs: number
}

/** Whoever asked for a job adds it right after: before that it is not missing. */
const jobIsDueMs = 2_000

/**
 * Repairs what a crash left between a script and the jobs it asked for, and what was removed by hand. Returns for how long a
 * drain has waited whose job is there and that no worker has taken.
 */
export async function sweep(context: SweepContext): Promise<number> {
  const { redis, queue, jobs, triggerId, leaseMs, overdueMs } = context
  const add = (ids: readonly string[]) => Promise.all(ids.map((id) => jobs.addDrain(triggerId, id)))
  const { armed, drains } = await queue.sweep(redis, triggerId, overdueMs)
  await add(armed)
  let untakenMs = 0
  for (const { id, token, ageMs } of drains) {
    if (ageMs < jobIsDueMs) continue
    if (await jobs.exists(triggerId, id)) {
      if (token === '') untakenMs = Math.max(untakenMs, ageMs)
    } else if (token === '') await add([id])
    else if (ageMs > leaseMs) await add(await queue.reclaim(redis, triggerId, id, token, leaseMs))
  }
  return untakenMs
}
