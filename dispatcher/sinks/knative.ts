import type { AnyObject, LastKnown } from '../../core/delta.ts'
import type { CloudEvent, WireEvent } from './cloudevent.ts'

const verbs = { added: 'add', updated: 'update', deleted: 'delete' } as const

/**
 * As Knative's ApiServerSource sends it, so that triggers and readers made for it go on: its types, the bare object as data,
 * a reference where the object was too large. The ids stay ours, since Knative's are random and no repeat could be told. The
 * source names the cluster and the trigger: the API server's address is not known to who sends.
 * https://knative.dev/docs/eventing/sources/apiserversource/reference
 */
export function knativeForm({ dataschema, data, ...event }: CloudEvent): WireEvent {
  const [, what] = /\.(added|updated|deleted)\.v1$/.exec(event.type) as unknown as [string, keyof typeof verbs]
  const mode = data?.objectOmitted ? 'ref' : 'resource'
  return {
    ...event,
    type: `dev.knative.apiserver.${mode}.${verbs[what]}`,
    ...(data && { data: data.objectOmitted ? referenceTo(data.object) : data.object }),
  }
}

/** An ObjectReference of the core API. */
function referenceTo({ apiVersion, kind, metadata: { namespace, name, uid, resourceVersion } }: LastKnown<AnyObject>) {
  return { kind, ...(namespace !== undefined && { namespace }), name, uid, apiVersion, resourceVersion }
}
