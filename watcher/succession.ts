import { gvkMatches } from '../core/filter.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import type { WantedStream } from './demand.ts'
import { gvkOf, positionOf, type Query } from './query.ts'
import { compareResourceVersions } from './resource-version.ts'
import type { ServedKinds } from './served-kinds.ts'
import type { Stream } from './stream.ts'

/** A stream that is there, running or only in Redis. */
export interface PresentStream {
  readonly query: Query
  /** Ids of the triggers that are on it. */
  readonly attached: readonly string[]
  readonly stream?: Stream
}

/** A stream that is in trouble for longer than this is not waited for when another one takes its place. */
const longTroubleMs = 60_000

/**
 * Leaves a trigger where it is as long as what it is to have instead does not tell everything, or cannot even be named because
 * its kind was not to be found. Adds those to `wanted`; returns whether there were any.
 */
export function keepFormer(
  wanted: Map<string, WantedStream>,
  triggers: readonly TriggerRecord[],
  present: ReadonlyMap<string, PresentStream>,
  kinds: Pick<ServedKinds, 'unserved' | 'removed'>,
): boolean {
  const byId = new Map(triggers.map((trigger) => [trigger.id, trigger]))
  const needed = (trigger: TriggerRecord, { query, stream }: PresentStream): boolean => {
    const gvk = gvkOf(query)
    const patterns = trigger.definition.gvk.filter((pattern) => gvkMatches(pattern, gvk))
    if (patterns.length === 0) return false
    if (patterns.some((pattern) => kinds.unserved.has(pattern))) return true
    // what fell out of a wildcard stays until it is told that everything there was is gone
    if (kinds.removed.has(gvk) && stream?.status.objects !== 0) return true
    for (const [id, instead] of wanted) {
      // also at another version of the same resource
      const replaces = instead.triggers.includes(trigger) && positionOf(instead.query) === positionOf(query)
      if (replaces && !caughtUp(trigger.id, stream, present.get(id)?.stream)) return true
    }
    return false
  }
  let keeping = false
  for (const [id, former] of present) {
    for (const triggerId of former.attached) {
      const trigger = byId.get(triggerId)
      if (!trigger || wanted.get(id)?.triggers.includes(trigger) || !needed(trigger, former)) continue
      wanted.set(id, { query: former.query, triggers: [...(wanted.get(id)?.triggers ?? []), trigger] })
      keeping = true
    }
  }
  return keeping
}

/** Whether a trigger's former stream has told it everything from before the moment when it began to hear from the one in its place. */
function caughtUp(triggerId: string, former: Stream | undefined, instead: Stream | undefined): boolean {
  const since = instead?.heardSince(triggerId)
  if (since === undefined) return false
  // one that was never live, or is cut off for long, has nothing to tell
  if (!former || former.troubledMs >= longTroubleMs) return true
  if (!former.claimed) return false
  if (!former.synced) return true
  return (compareResourceVersions(former.status.resourceVersion, since) ?? 0) >= 0
}
