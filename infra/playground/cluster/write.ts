import { randomBytes, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { checkMetadata, checkName, checkNamespace } from './admission.ts'
import { checkStrings, faultsOf, initialStatus, withDefaults } from './defaults.ts'
import { layOut } from './layout.ts'
import { managedBy } from './managed-fields.ts'
import { type Fields, fieldsOf, type KubeObject, mergePatch, timestamp, without } from './object.ts'
import { establish, finishRemoval, isContainer, removeIfReleased } from './removal.ts'
import { definitions, type Resource } from './resources.ts'
import { alreadyExists, badRequest, invalid, Refusal } from './status.ts'
import { keyFor, keyOf } from './store.ts'
import { current, type Target } from './target.ts'

/** Never the writer's to set. */
const ofServer = ['resourceVersion', 'generation', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields']

export function create(target: Target, input: Fields): KubeObject {
  const { plane, resource, namespace } = target
  const metadata = metadataOf(target, input)
  const name = String(metadata.name ?? '') || generated(metadata.generateName)
  checkNamespace(plane, resource, namespace, name)
  if (metadata.resourceVersion) {
    throw new Refusal(500, '', 'resourceVersion should not be set on objects to be created')
  }
  checkName(resource, name)
  if (plane.collection(resource).get(keyFor(namespace, name))) throw alreadyExists(resource, name)
  const status = resource.hasStatus ? initialStatus(resource) : undefined
  const object = {
    ...(resource.hasStatus ? without(input, 'status') : input),
    metadata: {
      ...without(metadata, ...ofServer),
      name,
      uid: randomUUID(),
      ...(resource.hasGeneration && { generation: 1 }),
      creationTimestamp: timestamp(),
    },
    ...(status && { status }),
  }
  const created = commit(target, withDefaults(resource, object, plane.revision), undefined)
  if (resource === definitions && !target.dryRun) establish(plane, created)
  return created
}

/** `patched`: metadata that the writer did not say is as it was. */
export function update(target: Target, input: Fields, patched = false): KubeObject {
  const { plane, resource, name } = target
  const before = current(target)
  const metadata = metadataOf(target, input)
  if (metadata.name !== undefined && metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  }
  checkMetadata(resource, metadata, before, patched)
  const object = replaced(target, input, metadata, before)
  if (isDeepStrictEqual(comparable(object), comparable(before))) return before
  const isLeaving = before.metadata.deletionTimestamp !== undefined
  if (isLeaving && isReleased(object) && !isContainer(resource)) {
    if (!target.dryRun) {
      // the removal tells the last state that was stored; this write never was
      plane.collection(resource).remove(keyOf(before))
      finishRemoval(plane, resource, before)
    }
    return layOut(object, resource.custom)
  }
  const updated = commit(target, object, before)
  return target.dryRun ? updated : removeIfReleased(plane, resource, updated)
}

export function patch(target: Target, change: Fields): KubeObject {
  return update(target, fieldsOf(mergePatch(current(target), change)), true)
}

function replaced(target: Target, input: Fields, metadata: Fields, before: KubeObject): KubeObject {
  const { resource, plane, subresource } = target
  if (subresource === 'status') return { ...before, status: input.status }
  const { name, namespace, uid, creationTimestamp } = before.metadata
  const own = Object.fromEntries(ofServer.map((field) => [field, before.metadata[field]]))
  const kept = { name, uid, creationTimestamp, ...(namespace !== undefined && { namespace }) }
  const status = resource.hasStatus && before.status !== undefined ? { status: before.status } : {}
  const object = {
    ...(resource.hasStatus ? without(input, 'status') : input),
    ...status,
    metadata: defined({ ...metadata, ...own, ...kept }),
  }
  const complete = withDefaults(resource, object, plane.revision, before) as unknown as KubeObject
  const { generation } = before.metadata
  if (generation === undefined || isDeepStrictEqual(specOf(resource, complete), specOf(resource, before)))
    return complete
  return { ...complete, metadata: { ...complete.metadata, generation: generation + 1 } }
}

function commit(target: Target, object: Fields, before: KubeObject | undefined): KubeObject {
  const { plane, resource, manager, subresource, dryRun } = target
  checkStrings(resource, object)
  const causes = faultsOf(resource, object, before)
  const name = String(fieldsOf(object.metadata).name)
  if (causes.length > 0) throw invalid(resource.kind, resource.group, name, causes)
  const writer = { manager, apiVersion: resource.apiVersion, ...(subresource && { subresource }) }
  const managedFields = managedBy(writer, before, object)
  const build = (resourceVersion: string) => {
    const metadata = { ...fieldsOf(object.metadata), resourceVersion, managedFields }
    return layOut({ ...object, metadata: defined(metadata) }, resource.custom)
  }
  return dryRun ? build(before?.metadata.resourceVersion ?? '') : plane.collection(resource).put(build)
}

/** The metadata as sent, for the resource that the URL names. */
function metadataOf({ resource, namespace }: Target, input: Fields): Fields {
  const metadata = fieldsOf(input.metadata)
  if (!resource.namespaced) return without(metadata, 'namespace')
  if (metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  return { ...metadata, namespace }
}

function generated(prefix: unknown): string {
  return typeof prefix === 'string' && prefix !== '' ? `${prefix}${randomBytes(3).toString('hex').slice(1)}` : ''
}

/** What counts for a generation: metadata never does, status only where it is part of the object. */
function specOf(resource: Resource, object: KubeObject): Fields {
  return without(object, 'kind', 'apiVersion', 'metadata', ...(resource.hasStatus ? ['status'] : []))
}

function comparable(object: KubeObject): Fields {
  return JSON.parse(JSON.stringify({ ...object, apiVersion: '', metadata: without(object.metadata, ...ofServer) }))
}

function isReleased(object: KubeObject): boolean {
  return (object.metadata.finalizers ?? []).length === 0
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
