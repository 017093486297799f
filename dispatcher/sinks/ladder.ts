import type { AnyObject, LastKnown } from '../../core/delta.ts'
import type { ClaimCheck } from './claim-check.ts'
import type { CloudEvent } from './cloudevent.ts'

/** What is taken off an event that is too large, one step after the other. JSON is never cut. */
export interface Step {
  /** What the log says was done. */
  readonly what: string
  /** The event with less in it; undefined when this step takes nothing off. */
  take(event: CloudEvent, signal: AbortSignal): Promise<CloudEvent | undefined> | CloudEvent | undefined
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** managedFields never get this far; kubectl's copy of the whole manifest is the other thing that no reader misses. */
const withoutLastApplied: Step = {
  what: 'sent without kubectl’s last-applied annotation',
  take(event) {
    const { data } = event
    if (data === undefined || ![data.object, data.old].some(hasLastApplied)) return undefined
    const { old, object, ...rest } = data
    return { ...event, data: { object: bare(object), ...(old && { old: bare(old) }), ...rest } }
  },
}

const withoutOld: Step = {
  what: 'sent without old',
  take(event) {
    if (event.data?.old === undefined) return undefined
    const { old, ...data } = event.data
    return { ...event, data: { ...data, oldOmitted: true } }
  },
}

const referenceOnly: Step = {
  what: 'sent with the identity of its object alone',
  take(event) {
    if (event.data === undefined) return undefined
    const { object, ...data } = event.data
    const { apiVersion, kind, metadata } = object
    const { name, namespace, uid, resourceVersion } = metadata
    const identity = { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion }
    const reference = { apiVersion, kind, metadata: identity } as AnyObject
    return { ...event, data: { object: reference, ...data, objectOmitted: true } }
  },
}

export function ladder(claimCheck: ClaimCheck | undefined): readonly Step[] {
  const checked: Step | undefined = claimCheck && {
    what: 'its data put into the claim check’s bucket',
    async take(event, signal) {
      if (event.data === undefined) return undefined
      const { data, ...attributes } = event
      return { ...attributes, dataref: await claimCheck.put(event, signal) }
    },
  }
  return [withoutLastApplied, withoutOld, checked ?? referenceOnly]
}

function hasLastApplied(object: LastKnown<AnyObject> | undefined): boolean {
  return object?.metadata.annotations?.[lastApplied] !== undefined
}

function bare<O extends LastKnown<AnyObject>>(object: O): O {
  if (!hasLastApplied(object)) return object
  const { [lastApplied]: manifest, ...annotations } = object.metadata.annotations!
  return { ...object, metadata: { ...object.metadata, annotations } }
}
