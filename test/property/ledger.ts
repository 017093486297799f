import type { AnyDelta } from '../../core/delta.ts'
import type { Delivery, Outcome } from '../../dispatcher/target.ts'
import type { TriggerKind } from './history.ts'

/** A delivery as the handler saw it. */
export interface Call {
  readonly triggerId: string
  readonly delta: AnyDelta
  readonly attempt: number
  /** `cut`: its process was lost before it ended, or ended it. */
  outcome: 'running' | 'ok' | 'failed' | 'cut'
  readonly by: object
}

/** A list that the cluster was asked for, and where each stream stood then; 0: in birth. */
export interface Listed {
  readonly rv: number
  readonly positions: ReadonlyMap<string, number>
}

/** A trigger, and what can be said of when it was on its stream. */
export interface Watched {
  readonly id: string
  readonly kind: TriggerKind
  readonly streamId: string
  /** Its stream's position when it was asked for; undefined: there was none, or it was in birth. */
  readonly askedAt: number | undefined
  /** What happened later than this it has to see. */
  attachedAt: number | undefined
  /** Of a trigger that was removed: what the stream had seen then. */
  removedAt: number | undefined
}

/** Everything that the oracle judges by. */
export class Ledger {
  readonly calls: Call[] = []
  readonly lists: Listed[] = []
  readonly triggers: Watched[] = []
  /** How often a dispatcher was lost or its connection broke. */
  dispatcherMishaps = 0
  readonly faults: string[] = []
  readonly #failing: { readonly name: string; readonly type: string; times: number }[] = []

  failNext(name: string, type: string, times: number): void {
    this.#failing.push({ name, type, times })
  }

  /** A process is lost, and what it was delivering with it. */
  cut(by: object): void {
    for (const call of this.calls) if (call.by === by && call.outcome === 'running') call.outcome = 'cut'
  }

  async handle({ delta, trigger, attempt }: Delivery, by: { readonly lost: boolean }, signal: AbortSignal) {
    // what a lost process does is not seen, or seen by nobody who could tell
    if (by.lost) return never
    for (const other of this.calls) {
      if (other.outcome !== 'running' || other.triggerId !== trigger || other.delta.name !== delta.name) continue
      this.faults.push(`${trigger}: ${delta.id} is delivered while ${other.delta.id} still is`)
    }
    const call: Call = { triggerId: trigger, delta, attempt, outcome: 'running', by }
    this.calls.push(call)
    for (let i = this.calls.length % 4; i > 0; i--) await new Promise((resolve) => setImmediate(resolve))
    if (call.outcome === 'cut') return never
    if (by.lost || signal.aborted) {
      call.outcome = 'cut'
      return refused('ended')
    }
    const plan = this.#failing.find(({ name, type, times }) => times > 0 && name === delta.name && type === delta.type)
    if (plan) plan.times--
    call.outcome = plan ? 'failed' : 'ok'
    return plan ? refused('it was to fail') : ok
  }
}

const ok: Outcome = { ok: true }
const never = new Promise<Outcome>(() => {})

function refused(message: string): Outcome {
  return { ok: false, failure: 'entry', error: { name: 'Error', message } }
}
