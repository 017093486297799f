import { cleanup, establishedStatus, resourcesOf } from './definition.ts'
import { layOut } from './layout.ts'
import { type Fields, fieldsOf, type KubeObject, timestamp } from './object.ts'
import type { Plane } from './plane.ts'
import { definitions, namespaces, type Resource } from './resources.ts'
import { badRequest, failedPrecondition, forbidden, type Status } from './status.ts'
import { keyOf } from './store.ts'
import { current, type Target } from './target.ts'

const undeletable = ['default', 'kube-system']

/** The kinds whose removal is answered with the object. */
const answeredWithObject = ['Pod', 'Service', 'Namespace', 'CustomResourceDefinition']

/** Removes the object, or only marks it when finalizers hold it. */
export function remove(target: Target, options: Fields): KubeObject | Status {
  const { plane, resource, name } = target
  const object = current(target)
  checkPreconditions(object, fieldsOf(options.preconditions))
  checkPropagation(options)
  if (resource === namespaces && undeletable.includes(name)) {
    throw forbidden(resource, name, 'this namespace may not be deleted')
  }
  if (target.dryRun) return answerTo(resource, object)
  const marked = isHeld(resource, object) ? mark(plane, resource, object) : undefined
  if (marked === undefined) drop(plane, resource, object)
  else if (resource === namespaces) emptyNamespace(plane, marked)
  else if (resource === definitions) emptyDefinition(plane, marked)
  return marked ?? answerTo(resource, object)
}

/** Takes an object that is being deleted away once nothing holds it. */
export function removeIfReleased(plane: Plane, resource: Resource, object: KubeObject): KubeObject {
  const { deletionTimestamp, finalizers = [] } = object.metadata
  if (deletionTimestamp === undefined) return object
  if (resource === namespaces) finishNamespace(plane, object)
  else if (resource === definitions) finishDefinition(plane, object)
  else if (finalizers.length === 0) drop(plane, resource, object)
  return object
}

/** What is held by what is in it, too. */
export function isContainer(resource: Resource): boolean {
  return resource === namespaces || resource === definitions
}

/** What waited for this object to go. */
export function finishRemoval(plane: Plane, resource: Resource, object: KubeObject): void {
  const { namespace } = object.metadata
  if (resource.custom) {
    const definition = plane.collection(definitions).get(`${resource.plural}.${resource.group}`)
    if (definition?.metadata.deletionTimestamp) finishDefinition(plane, definition)
  }
  const holder = namespace === undefined ? undefined : plane.collection(namespaces).get(namespace)
  if (holder?.metadata.deletionTimestamp) finishNamespace(plane, holder)
}

function drop(plane: Plane, resource: Resource, object: KubeObject): void {
  plane.collection(resource).remove(keyOf(object))
  finishRemoval(plane, resource, object)
}

function isHeld(resource: Resource, object: KubeObject): boolean {
  return isContainer(resource) || (object.metadata.finalizers ?? []).length > 0
}

function mark(plane: Plane, resource: Resource, object: KubeObject): KubeObject {
  if (object.metadata.deletionTimestamp !== undefined) return object
  const { generation, finalizers = [] } = object.metadata
  return plane.collection(resource).put((resourceVersion) => {
    const metadata = {
      ...object.metadata,
      resourceVersion,
      deletionTimestamp: timestamp(),
      ...(!isContainer(resource) && { deletionGracePeriodSeconds: 0 }),
      ...(generation !== undefined && resource !== definitions && { generation: generation + 1 }),
      ...(resource === definitions && { finalizers: [...finalizers, cleanup] }),
    }
    const status = resource === namespaces ? { status: { ...fieldsOf(object.status), phase: 'Terminating' } } : {}
    return layOut({ ...object, metadata, ...status }, resource.custom)
  })
}

/** The real server does this in the background; here it is over when the deletion is answered. */
function emptyNamespace(plane: Plane, namespace: KubeObject): void {
  for (const resource of plane.resources().filter((one) => one.namespaced)) {
    for (const object of plane.collection(resource).all()) {
      if (object.metadata.namespace === namespace.metadata.name) markOrDrop(plane, resource, object)
    }
  }
  finishNamespace(plane, namespace)
}

function emptyDefinition(plane: Plane, definition: KubeObject): void {
  const [resource] = resourcesOf(definition)
  if (resource) for (const object of plane.collection(resource).all()) markOrDrop(plane, resource, object)
  finishDefinition(plane, definition)
}

function markOrDrop(plane: Plane, resource: Resource, object: KubeObject): void {
  if (isHeld(resource, object)) mark(plane, resource, object)
  else plane.collection(resource).remove(keyOf(object))
}

function finishNamespace(plane: Plane, namespace: KubeObject): void {
  const { name, finalizers = [] } = namespace.metadata
  const isInside = (object: KubeObject) => object.metadata.namespace === name
  const holding = plane.resources().some((one) => one.namespaced && plane.collection(one).all().some(isInside))
  if (!holding && finalizers.length === 0) plane.collection(namespaces).remove(name)
}

function finishDefinition(plane: Plane, definition: KubeObject): void {
  const [resource] = resourcesOf(definition)
  if (resource && plane.collection(resource).all().length > 0) return
  const others = (definition.metadata.finalizers ?? []).filter((finalizer) => finalizer !== cleanup)
  if (others.length > 0) return
  plane.collection(definitions).remove(definition.metadata.name)
  if (resource) plane.end(resource)
}

function checkPreconditions(object: KubeObject, wanted: Fields): void {
  const { kind, metadata } = object
  if (wanted.uid !== undefined && wanted.uid !== metadata.uid) {
    const why = `the UID in the precondition (${wanted.uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`
    throw failedPrecondition(kind, metadata.name, why)
  }
  if (wanted.resourceVersion !== undefined && wanted.resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${wanted.resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`
    throw failedPrecondition(kind, metadata.name, why)
  }
}

function checkPropagation({ propagationPolicy, orphanDependents }: Fields): void {
  if ((propagationPolicy ?? 'Background') !== 'Background' || orphanDependents === true) {
    throw badRequest('this playground has no garbage collector: delete with propagationPolicy Background')
  }
}

function answerTo(resource: Resource, object: KubeObject): KubeObject | Status {
  if (!resource.custom && answeredWithObject.includes(resource.kind)) return object
  const { name, uid } = object.metadata
  const { group, plural } = resource
  const details = { name, ...(group !== '' && { group }), kind: plural, uid }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

/** Accepts a new definition's names and serves its kind; the real server takes a second or two for it. */
export function establish(plane: Plane, definition: KubeObject): void {
  const [resource] = resourcesOf(definition)
  if (resource) plane.open(resource)
  plane.collection(definitions).put((resourceVersion) => ({
    ...definition,
    metadata: { ...definition.metadata, resourceVersion },
    status: establishedStatus(definition),
  }))
}
