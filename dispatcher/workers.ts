import { type Assignment, TriggerWorker, type WorkerContext } from './trigger-worker.ts'

/** One worker for each trigger that this process has the target of. */
export class Workers {
  readonly #context: WorkerContext
  readonly #workers = new Map<string, TriggerWorker>()
  /** Workers of triggers that are not ours any more finish what they run. */
  readonly #leaving = new Set<Promise<void>>()
  readonly #abort = new AbortController()
  readonly #drainMs: number

  constructor(context: WorkerContext, drainMs: number) {
    this.#context = context
    this.#drainMs = drainMs
  }

  /** Starts, goes on with and stops workers, so that these triggers have one. */
  follow(assignments: readonly Assignment[]): void {
    const ids = new Set(assignments.map(({ record }) => record.id))
    for (const [id, worker] of this.#workers) {
      if (ids.has(id)) continue
      this.#workers.delete(id)
      const left = worker.close(AbortSignal.any([this.#abort.signal, AbortSignal.timeout(this.#drainMs)]))
      this.#leaving.add(left)
      void left.finally(() => this.#leaving.delete(left))
    }
    for (const assignment of assignments) {
      const worker = this.#workers.get(assignment.record.id)
      if (worker) worker.assign(assignment)
      else this.#workers.set(assignment.record.id, new TriggerWorker(this.#context, assignment))
    }
  }

  /** Lets everything in flight finish, for `drainMs` at the most or until `abort`. */
  async close(abort?: AbortSignal): Promise<void> {
    const onAbort = () => this.#abort.abort(abort?.reason)
    if (abort?.aborted) onAbort()
    else abort?.addEventListener('abort', onAbort, { once: true })
    this.follow([])
    await Promise.all(this.#leaving)
    abort?.removeEventListener('abort', onAbort)
  }
}
