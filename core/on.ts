import type { Context } from './context.ts'
import type { DeltaOf, DeltaType } from './delta.ts'
import type { CheckGvk, Gvk } from './kinds/gvk.ts'
import type { ObjectOf } from './kinds/object.ts'
import type { PathOf } from './kinds/path.ts'

/** How hard a delivery is tried and how fast deliveries go. What is not given here comes from the configuration. */
export interface Delivery {
  /** The first one included. */
  attempts?: number
  /** Grows from the one to the other between attempts. */
  backoff?: { initialSeconds?: number; maxSeconds?: number }
  /** A delta that still fails this long after its first attempt becomes a dead letter. */
  maxAgeSeconds?: number
  /** Then `context.signal` aborts, and the attempt has failed. */
  timeoutSeconds?: number
  /** Deliveries at once, of different objects; those of one object never overlap. */
  concurrency?: number
  rate?: { perSecond: number; burst?: number }
}

/** Where to listen and how to deliver: the conditions that say nothing about the delta's type. */
interface Conditions {
  /** Globs over the clusters' names, `!` excludes: `['prod-*', '!prod-test']`. */
  clusters?: readonly string[]
  /** Over the labels that the configuration gives to clusters: `env=prod`. */
  clusterSelector?: string
  /** Globs, `!` excludes. */
  namespaces?: readonly string[]
  /** Globs, `!` excludes. */
  names?: readonly string[]
  /** Where a new trigger begins: with what happens next (default), or with the present objects as Added, `initial`. */
  from?: 'now' | 'existing'
  /** Pins the function's name over a rename of its file. */
  name?: string
  delivery?: Delivery
}

/** What a function wants to hear of: all conditions that are given must hold. With its types in the filter of `on`. */
export interface FilterOf<T, Selector, Changed, Ignore, Old, Meta = boolean> extends Conditions {
  types?: readonly T[]
  /** The server's own selector, e.g. `app=web`. An object that stops matching looks like a deleted one: see `delta.reason`. */
  labelSelector?: Selector
  /** The server's own selector, e.g. `spec.nodeName=n1`. An object that stops matching looks like a deleted one: see `delta.reason`. */
  fieldSelector?: Selector
  /** Updated only when something at or under one of these paths changed. Without `types`: Updated alone. */
  changed?: readonly Changed[]
  /** Updated only when something outside these paths changed. Without `types`: Updated alone. */
  ignore?: readonly Ignore[]
  /** Deliver the state before the change as well. `changed` and `ignore` imply it. */
  old?: Old
  /** Nothing of the object but its metadata is asked of the server, kept and delivered. */
  metadataOnly?: Meta
}

export type Filter = FilterOf<DeltaType, string, string, string, boolean>

/** A filter and the kinds it is for. */
export interface Trigger extends Filter {
  gvk: readonly string[]
}

/** Return = done. Throw = try again by the policy, `TemporaryError` = not before then, `PermanentError` = never. */
export type Handler<Delta> = (delta: Delta, context: Context) => unknown

/** What a module in `functions/` exports by default: a plain value. */
// biome-ignore lint/suspicious/noExplicitAny: a list of functions holds handlers of different deltas
export interface DeltaFunction<Delta = any> {
  trigger: Trigger
  handler: Handler<Delta>
}

type IsGiven<T extends string> = [T] extends [never] ? false : true
type WantsOld<Changed extends string, Ignore extends string> = IsGiven<Changed | Ignore>

/** A function: what it wants to hear of, and what it does about it. Registers nothing: export the value by default. */
export function on<const G extends Gvk>(
  gvk: CheckGvk<G> | readonly CheckGvk<G>[],
  handler: Handler<DeltaOf<G>>,
): DeltaFunction<DeltaOf<G>>
export function on<
  const G extends Gvk,
  const Changed extends string = never,
  const Ignore extends string = never,
  const T extends DeltaType = WantsOld<Changed, Ignore> extends true ? 'Updated' : DeltaType,
  const Old extends boolean = WantsOld<Changed, Ignore>,
  const Selector extends string = never,
  const Meta extends boolean = false,
>(
  gvk: CheckGvk<G> | readonly CheckGvk<G>[],
  filter: FilterOf<T, Selector, PathOf<ObjectOf<G>, Changed>, PathOf<ObjectOf<G>, Ignore>, Old, Meta>,
  handler: Handler<DeltaOf<G, T, Old, Meta, IsGiven<Selector>>>,
): DeltaFunction<DeltaOf<G, T, Old, Meta, IsGiven<Selector>>>
export function on(gvk: string | readonly string[], filter: unknown, handler?: unknown): DeltaFunction {
  const [conditions, handle] = typeof filter === 'function' ? [{}, filter] : [filter, handler]
  if (typeof handle !== 'function') throw new TypeError('on(gvk, filter?, handler): the handler is not a function')
  if (typeof conditions !== 'object' || conditions === null)
    throw new TypeError('on(gvk, filter, handler): the filter is not an object')
  return {
    // What the filter says is judged when the function is loaded, every fault at once.
    trigger: { ...(conditions as Filter), gvk: typeof gvk === 'string' ? [gvk] : [...gvk] },
    handler: handle as Handler<unknown>,
  }
}
