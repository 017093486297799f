import type { AnyDelta } from '../core/delta.ts'

/** One delta on its way to one target, with its attempts. */
export interface Delivery {
  /** The same over retries of this delta to this trigger: `<trigger>/<cluster>/<delta id>`. */
  readonly deliveryId: string
  readonly trigger: string
  readonly delta: AnyDelta
  /** The API server's own coordinates of the object, from discovery: `{ group: 'apps', version: 'v1', resource: 'deployments' }`; core's group is ''. */
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string }
  /** Counts from 1. */
  readonly attempt: number
}

/**
 * What became of one delivery.
 * `entry`: this delta failed; it is parked and an attempt is counted.
 * `target`: the target failed (throttled, down, refuses our credentials); nothing is counted, the target is probed until it is back.
 */
export type Outcome =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly failure: 'entry' | 'target'
      /** No retry can help: straight to the dead letters. */
      readonly permanent?: boolean
      /** Not before this long from now. */
      readonly retryAfterMs?: number
      readonly error: { readonly name: string; readonly message: string; readonly stack?: string }
    }

/** What a trigger delivers to: a function, or a sink. The adapter of each is one file. */
export interface Target {
  /** Deliveries that one call of `deliver` takes at the most; they are of different objects. */
  readonly maxBatch: number
  /** One outcome per delivery, in their order. Never rejects: whatever is thrown inside becomes an outcome. */
  deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<readonly Outcome[]>
  close(): Promise<void>
}
