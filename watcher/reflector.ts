import type { DeltaType } from '../core/delta.ts'
import type { Draft, KnownObject } from './known.ts'
import { objectKey, type Sighting } from './object.ts'
import { compareResourceVersions } from './resource-version.ts'

/** How it is known that an object is gone that nobody saw going. */
export type Vanishing = 'Replaced' | 'MissedWhileDisconnected' | 'ResourceRemoved'

/** What happened to one object, before anybody asked who wants it. */
export interface Change {
  readonly type: DeltaType
  readonly uid: string
  readonly key: string
  readonly resourceVersion: string
  /** The object's own entry: its first resourceVersion here. */
  readonly since: string
  /** The rewinds counted so far; of a Deleted those of its entry. */
  readonly n: number
  readonly reason?: 'Rewound' | Vanishing
  /** It has the resourceVersion that was known, on the other side of a rewind: whether it is the same has to be seen. */
  readonly doubtful?: true
  readonly finalStateUnknown?: true
  /** The object as received, where it was seen. */
  readonly object?: Sighting
  /** Reference to the payload known before, on streams that keep it. */
  readonly before?: string
}

export interface Circumstances {
  /** It may have left and come back unseen (a relist under a selector): a new entry as far as the ids of its Deleted go. */
  readonly reentered?: boolean
  /**
   * From a list of a cluster that went back in time, where a lower resourceVersion is the present one; else it comes from a
   * server that is behind, and says nothing new.
   */
  readonly rewound?: boolean
}

/**
 * An object seen in a list, or in an ADDED or MODIFIED frame: the frame's own word for it does not matter.
 * `n`: rewinds counted so far.
 */
export function seen(draft: Draft, object: Sighting, n: number, how: Circumstances = {}): Change[] {
  const { reentered = false, rewound = false } = how
  const { uid, resourceVersion } = object
  const key = objectKey(object)
  const known = draft.get(uid)
  if (known) {
    const newer = compareResourceVersions(resourceVersion, known.resourceVersion) ?? 1
    // the other side of a rewind may have come to the same number by other writes: where the content is kept, it tells
    const doubtful = rewound && newer === 0 && known.payload !== ''
    if (rewound ? newer === 0 && !doubtful : newer <= 0) return []
    const entry = reentered ? { since: resourceVersion, n } : { since: known.since, n: known.n }
    const { since } = entry
    draft.put(uid, { ...known, ...entry, resourceVersion })
    const marks = { ...(rewound && { reason: 'Rewound' as const }), ...(doubtful && { doubtful }) }
    return [{ type: 'Updated', uid, key, resourceVersion, since, n, object, before: known.payload, ...marks }]
  }
  const changes: Change[] = []
  const replaced = draft.uidOf(key)
  if (replaced !== undefined) changes.push(...missing(draft, replaced, 'Replaced'))
  draft.put(uid, { key, resourceVersion, since: resourceVersion, n, payload: '' })
  changes.push({ type: 'Added', uid, key, resourceVersion, since: resourceVersion, n, object })
  return changes
}

/** A DELETED frame: the object as it was last, with the resourceVersion of its deletion. One older than what is known is told late. */
export function deleted(draft: Draft, object: Sighting): Change[] {
  const known = draft.get(object.uid)
  if (!known || (compareResourceVersions(object.resourceVersion, known.resourceVersion) ?? 0) < 0) return []
  draft.delete(object.uid)
  const { uid, resourceVersion } = object
  return [
    {
      type: 'Deleted',
      uid,
      key: known.key,
      resourceVersion,
      since: known.since,
      n: known.n,
      object,
      before: known.payload,
    },
  ]
}

/** An object that a complete list no longer holds, whose name another one has taken, or whose kind is gone. */
export function missing(draft: Draft, uid: string, reason: Vanishing): Change[] {
  const known: KnownObject | undefined = draft.get(uid)
  if (!known) return []
  draft.delete(uid)
  const { key, resourceVersion, since, n, payload } = known
  return [{ type: 'Deleted', uid, key, resourceVersion, since, n, reason, finalStateUnknown: true, before: payload }]
}
