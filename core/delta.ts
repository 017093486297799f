import type { AnyObject, Identity, ObjectOf } from './kinds/object.ts'

export type { AnyObject }

/** What can happen to an object. A switch over it ends in `satisfies never`. */
export type DeltaType = 'Added' | 'Updated' | 'Deleted'

/** Why a delta is not simply what the watch told; more may come. */
export type Reason =
  /** Deleted: another object of the same name took its place, and nobody saw the moment. */
  | 'Replaced'
  /** Deleted: a list no longer contained it. */
  | 'MissedWhileDisconnected'
  /** Deleted: its whole kind was removed from the cluster. */
  | 'ResourceRemoved'
  /** Updated: the cluster was restored from a backup, and this is what the object was then. */
  | 'Rewound'
  /** Deleted, on a trigger with a selector: gone, or it only no longer matches. */
  | 'DeletedOrDeselected'
  /** Added: Redis lost what was known, so everything present is told once more. */
  | 'StateReset'
  | (string & {})

interface Common<G extends string> {
  /** Derived from the change, so it is the same on every retry and every replica. */
  id: string
  cluster: string
  gvk: G
  /** Absent for objects that belong to the whole cluster. */
  namespace?: string
  name: string
  uid: string
  resourceVersion: string
  /** When a watcher saw it (RFC 3339); for display, not for order. */
  observedAt: string
  reason?: Reason
  /** Delivered once more by hand, from the dead letters. */
  replayed?: true
  /** Delivered once more because the handler asked for it. */
  again?: true
  /** Who wrote the object last, latest first, from its managed fields. */
  managers?: readonly string[]
}

/** Fields that only some deltas have read as undefined on the others, so `delta.initial` needs no look at the type first. */
interface Without {
  old?: undefined
  changed?: undefined
  merged?: undefined
  initial?: undefined
  finalStateUnknown?: undefined
}

export interface Added<G extends string, O> extends Common<G>, Omit<Without, 'initial'> {
  type: 'Added'
  object: O
  /** It was there before the trigger was: told because of `from: 'existing'`, or after a `StateReset`. */
  initial?: true
}

export interface Updated<G extends string, O> extends Common<G>, Omit<Without, 'old' | 'changed' | 'merged'> {
  type: 'Updated'
  object: O
  /** The object as it was before; there when the trigger asks for it (`old`, `changed`, `ignore`). */
  old?: O
  /** Paths at which `old` and `object` differ. */
  changed?: readonly string[]
  /** How many updates melted into this one (`coalesce: updates`). */
  merged?: number
}

/** An `Updated` of a trigger that asked for the previous state. */
export interface UpdatedWithOld<G extends string, O> extends Updated<G, O> {
  old: O
  changed: readonly string[]
}

/** Deleted, as the watch told it: `object` is its final state. */
export interface Deleted<G extends string, O> extends Common<G>, Omit<Without, 'finalStateUnknown'> {
  type: 'Deleted'
  object: O
  finalStateUnknown?: false
}

/** Deleted while nobody watched: found missing by a list. Of `object` only the identity is certain. */
export interface DeletedUnseen<G extends string, O> extends Common<G>, Omit<Without, 'finalStateUnknown'> {
  type: 'Deleted'
  object: LastKnown<O>
  finalStateUnknown: true
}

/** Identity for certain; the rest as last seen, if anything was kept. */
export type LastKnown<O> = Pick<O, keyof O & ('apiVersion' | 'kind' | 'metadata')> & Partial<O>

/** On a trigger with a selector, gone and no longer matching look alike: the reason is there, to be looked at. */
type Look<D, Selected> = Selected extends true ? D & { reason: Reason } : D

type Union<G extends string, O, Old, Selected> =
  | Added<G, O>
  | (Old extends true ? UpdatedWithOld<G, O> : Updated<G, O>)
  | Look<Deleted<G, O>, Selected>
  | Look<DeletedUnseen<G, O>, Selected>

/**
 * The delta that a trigger on `G` delivers. Distributes over `G`, so that `delta.gvk` narrows `delta.object`.
 * `Old`: the previous state was asked for. `Meta`: only metadata was. `Selected`: a label or field selector stands in the filter.
 */
export type DeltaOf<
  G extends string,
  T extends DeltaType = DeltaType,
  Old extends boolean = false,
  Meta extends boolean = false,
  Selected extends boolean = false,
> = G extends string
  ? Extract<Union<GvkOf<G>, Meta extends true ? Identity<G> : ObjectOf<G>, Old, Selected>, { type: T }>
  : never

/** The gvk that a delta carries: a wildcard's is any. */
type GvkOf<G extends string> = G extends '*' | `${string}/*` ? string : G

/** A delta of any kind: what watchers and dispatchers handle. Every `DeltaOf` is one. */
export type AnyDelta = Union<string, AnyObject, false, false>
