/** A job as BullMQ would keep it. */
export interface BoardJob {
  readonly triggerId: string
  readonly id: string
  /** Of a retry: whose alarm it is. */
  readonly object: string | undefined
  state: 'delayed' | 'waiting' | 'taken'
}

/**
 * BullMQ in memory: jobs outlive the processes that add and take them, a repeated id is silently ignored while the job is
 * there, and a job whose process died can be taken again.
 */
export class JobBoard {
  readonly #jobs = new Map<string, BoardJob>()
  readonly #listeners = new Set<() => void>()

  get empty(): boolean {
    return this.#jobs.size === 0
  }

  add(triggerId: string, id: string, object?: string, delayMs?: number): void {
    const key = `${triggerId}/${id}`
    if (this.#jobs.has(key)) return
    const job: BoardJob = { triggerId, id, object, state: 'delayed' }
    this.#jobs.set(key, job)
    if (delayMs === undefined) this.giveBack(job)
    else setTimeout(() => this.giveBack(job), delayMs)
  }

  has(triggerId: string, id: string): boolean {
    return this.#jobs.has(`${triggerId}/${id}`)
  }

  take(): BoardJob | undefined {
    for (const job of this.#jobs.values()) {
      if (job.state !== 'waiting') continue
      job.state = 'taken'
      return job
    }
    return undefined
  }

  giveBack(job: BoardJob): void {
    job.state = 'waiting'
    for (const listener of this.#listeners) listener()
  }

  done({ triggerId, id }: BoardJob): void {
    this.#jobs.delete(`${triggerId}/${id}`)
  }

  /** `listener`: there may be something to take. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
