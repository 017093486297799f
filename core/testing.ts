/** What tests of functions need: a delta, a context, and what would become of the delivery. No cluster, no Redis. */
import { changedPaths, changesOutside, parsePath, touches } from './changed.ts'
import { checkFilter } from './config/filter-schema.ts'
import { matchesLabels, parseLabelSelector } from './config/selector.ts'
import type { Context, LogMethod } from './context.ts'
import type { AnyDelta, AnyObject, DeltaOf, DeltaType, Reason } from './delta.ts'
import { outcomeOfError } from './errors.ts'
import { type StaticCondition, staticMismatch } from './filter.ts'
import type { CheckGvk, Gvk } from './kinds/gvk.ts'
import type { ObjectOf } from './kinds/object.ts'
import type { DeltaFunction, Trigger } from './on.ts'

/** An object of which only what the test is about needs to be written. */
export type Partly<T> = T extends object ? { [K in keyof T]?: Partly<T[K]> } : T

export interface DeltaParts<O, T extends DeltaType, Old, R> {
  /** Default Added. */
  type?: T
  object?: Partly<O>
  /** The state before: `changed` follows from it. */
  old?: Old & Partly<O>
  cluster?: string
  initial?: true
  finalStateUnknown?: boolean
  reason?: R
}

type IsGiven<T> = [T] extends [undefined] ? false : true

/**
 * A delta as it would be delivered; what is not given is made up:
 * `testDelta('apps/v1/Deployment', { type: 'Updated', old: { spec: { replicas: 1 } }, object: { spec: { replicas: 3 } } })`.
 */
export function testDelta<
  const G extends Gvk,
  const T extends DeltaType = 'Added',
  Old extends object | undefined = undefined,
  R extends Reason | undefined = undefined,
>(
  gvk: CheckGvk<G>,
  parts: DeltaParts<ObjectOf<G>, T, Old, R> = {},
): DeltaOf<G, NoInfer<T>, IsGiven<NoInfer<Old>>, false, IsGiven<NoInfer<R>>> {
  const { type = 'Added', cluster = 'test', initial, finalStateUnknown, reason } = parts
  const object = whole(gvk, parts.object as Partly<AnyObject> | undefined, '2')
  const old = parts.old && whole(gvk, { metadata: object.metadata, ...(parts.old as Partly<AnyObject>) }, '1')
  const { name, namespace, uid, resourceVersion } = object.metadata
  const delta = {
    type,
    id: `${uid}.${type === 'Deleted' ? 'deleted' : resourceVersion}`,
    cluster,
    gvk,
    ...(namespace !== undefined && { namespace }),
    name,
    uid,
    resourceVersion,
    object,
    ...(old && { old, changed: changedPaths(old, object) }),
    ...(initial && { initial }),
    ...(finalStateUnknown && { finalStateUnknown }),
    ...(reason !== undefined && { reason }),
    observedAt: '2026-01-01T00:00:00.000Z',
  }
  // built from parts that the type parameters describe, which the compiler cannot follow
  return delta as unknown as DeltaOf<G, T, IsGiven<Old>, false, IsGiven<R>>
}

function whole(gvk: string, object: Partly<AnyObject> | undefined, resourceVersion: string): AnyObject {
  const slash = gvk.lastIndexOf('/')
  const identity = { name: 'test', uid: '00000000-0000-4000-8000-000000000000', resourceVersion }
  return {
    apiVersion: gvk.slice(0, slash),
    kind: gvk.slice(slash + 1),
    ...object,
    metadata: { ...identity, ...(object?.metadata as Partial<AnyObject['metadata']> | undefined) },
  }
}

/** A context with a log that says nothing; give what the test is about. */
export function testContext(parts: Partial<Context> = {}): Context {
  const quiet: LogMethod = () => {}
  return {
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    signal: new AbortController().signal,
    attempt: 1,
    deliveryId: 'test',
    trigger: 'test',
    ...parts,
  }
}

/** What would become of a delivery. */
export interface RunResult {
  readonly outcome: 'done' | 'retry' | 'dead' | 'filtered'
  /** Filtered: the condition of the filter that refused the delta. */
  readonly condition?: StaticCondition | 'labelSelector' | 'changed' | 'ignore'
  /** Retry and dead: what the handler threw. */
  readonly error?: unknown
}

/**
 * Delivers a delta to a function as the bridge would, once. Conditions that only a cluster can judge (`fieldSelector`,
 * `clusterSelector`) are taken to hold. Throws when the filter itself would be refused.
 */
export async function run<Delta extends AnyDelta>(
  fn: DeltaFunction<Delta>,
  delta: Delta,
  context: Context = testContext(),
): Promise<RunResult> {
  const checked = checkFilter(fn.trigger)
  if ('faults' in checked)
    throw new TypeError(`bad filter: ${checked.faults.map(({ path, message }) => `${path}: ${message}`).join('; ')}`)
  const condition = refusedBy(fn.trigger, delta)
  if (condition !== undefined) return { outcome: 'filtered', condition }
  try {
    await fn.handler(delta, context)
    return { outcome: 'done' }
  } catch (error) {
    return { outcome: outcomeOfError(error).outcome, error }
  }
}

function refusedBy(trigger: Trigger, delta: AnyDelta): RunResult['condition'] {
  const { labelSelector, changed, ignore } = trigger
  const mismatch = staticMismatch(trigger, delta)
  if (mismatch !== undefined) return mismatch
  if (labelSelector !== undefined && delta.type !== 'Deleted') {
    if (!matchesLabels(parseLabelSelector(labelSelector), delta.object.metadata.labels ?? {})) return 'labelSelector'
  }
  if (delta.type !== 'Updated') return undefined
  if (changed && !touches(delta.old, delta.object, changed.map(parsePath))) return 'changed'
  if (ignore && !changesOutside(delta.old, delta.object, ignore.map(parsePath))) return 'ignore'
  return undefined
}
