/** Who owns an object: it is garbage when all of its owners are gone. */
export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  /** True on at most one owner: the controller that manages the object. */
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/**
 * `metadata` of an object that a cluster stores: unlike a template's `V1ObjectMeta`, it certainly has a name, a uid and a resourceVersion.
 * `managedFields` never reach a delta; who wrote last stands in `delta.managers`.
 */
export interface Metadata {
  name: string
  /** Absent on objects that belong to the whole cluster. */
  namespace?: string
  /** Tells two objects apart that bore the same name one after the other. */
  uid: string
  /** The server's opaque version of the object: compare for equality, never for order. */
  resourceVersion: string
  /** Counts changes of the desired state, on kinds that keep count. */
  generation?: number
  labels?: { [key: string]: string }
  annotations?: { [key: string]: string }
  /** RFC 3339. */
  creationTimestamp?: string
  /** RFC 3339. Set once deletion was asked for; the object goes when its finalizers are gone. */
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
  /** The prefix that `name` was made from by the server. */
  generateName?: string
  /** Deprecated: servers no longer set it. */
  selfLink?: string
}
