import type { AnyDelta, AnyObject } from '../core/delta.ts'
import type { Entry } from '../core/queue/entry.ts'

/**
 * The delta that a handler or a sink sees. Throws when a payload that the entry refers to is gone from Redis: the delta
 * can then not be delivered as what it was.
 */
export function deltaOfEntry(entry: Entry, payloads: ReadonlyMap<string, Buffer>): AnyDelta {
  const object = entry.payload === '' ? identityOf(entry) : parse(entry.payload, payloads)
  const old = entry.old === '' ? undefined : parse(entry.old, payloads)
  const { id, cluster, gvk, name, uid, resourceVersion, observedAt } = entry
  return {
    type: entry.type,
    id,
    cluster,
    gvk,
    ...(entry.namespace !== undefined && { namespace: entry.namespace }),
    name,
    uid,
    resourceVersion,
    object,
    ...(old && { old }),
    ...(entry.changed && { changed: entry.changed }),
    ...(entry.initial && { initial: true }),
    ...(entry.finalStateUnknown && { finalStateUnknown: true }),
    ...(entry.reason !== undefined && { reason: entry.reason }),
    ...(entry.replayed !== undefined && { replayed: true }),
    observedAt,
  } as AnyDelta
}

/** What is known of an object whose final state nobody saw and whose last state nobody kept. */
function identityOf(entry: Entry): AnyObject {
  const slash = entry.gvk.lastIndexOf('/')
  const { name, namespace, uid, resourceVersion } = entry
  return {
    apiVersion: entry.gvk.slice(0, slash),
    kind: entry.gvk.slice(slash + 1),
    metadata: { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion },
  } as AnyObject
}

function parse(reference: string, payloads: ReadonlyMap<string, Buffer>): AnyObject {
  const bytes = payloads.get(reference)
  if (!bytes)
    throw new Error(
      `the payload ${reference} is not in Redis any more: were keys removed by hand, or evicted? (maxmemory-policy must be noeviction)`,
    )
  return JSON.parse(bytes.toString('utf8'))
}
