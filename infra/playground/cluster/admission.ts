import type { Fields, KubeObject } from './object.ts'
import type { Plane } from './plane.ts'
import { namespaces, type Resource } from './resources.ts'
import { conflict, faults, forbidden, invalid, notFound, qualified } from './status.ts'

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

export function checkName(resource: Resource, name: string): void {
  const { kind, group } = resource
  if (name === '') {
    throw invalid(kind, group, '', [faults.required('metadata.name', 'name or generateName is required')])
  }
  if (!subdomain.test(name) || name.length > 253) {
    throw invalid(kind, group, name, [faults.invalid('metadata.name', name, subdomainRule)])
  }
}

/** Whether something may be created in the namespace. */
export function checkNamespace(plane: Plane, resource: Resource, namespace: string | undefined, name: string): void {
  if (namespace === undefined) return
  const found = plane.collection(namespaces).get(namespace)
  if (!found) throw notFound(namespaces, namespace)
  if (found.metadata.deletionTimestamp === undefined) return
  const message = `namespace ${namespace} is being terminated`
  const cause = { reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`
  throw forbidden(resource, name, why, [cause])
}

/** What an update may not change, and whether it was made from the present state. */
export function checkMetadata(resource: Resource, metadata: Fields, before: KubeObject, patched: boolean): void {
  const { kind, group, plural, custom } = resource
  const { name, uid, resourceVersion, deletionTimestamp, finalizers = [] } = before.metadata
  if (custom && !metadata.resourceVersion) {
    throw invalid(plural, group, name, [
      faults.invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
    ])
  }
  if (metadata.uid && metadata.uid !== uid) {
    if (patched) throw invalid(kind, group, name, [faults.invalid('metadata.uid', metadata.uid, 'field is immutable')])
    const key = `/registry/${qualified(resource)}/${before.metadata.namespace ? `${before.metadata.namespace}/` : ''}${name}`
    const why = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`
    throw conflict(resource, name, why)
  }
  if (metadata.resourceVersion && metadata.resourceVersion !== resourceVersion) throw conflict(resource, name)
  const wanted = Array.isArray(metadata.finalizers) ? metadata.finalizers.map(String) : []
  for (const [index, finalizer] of wanted.entries()) {
    if (finalizer.includes('/') || finalizers.includes(finalizer)) continue
    if (['orphan', 'foregroundDeletion'].includes(finalizer)) continue
    const why = 'name is neither a standard finalizer name nor is it fully qualified'
    throw invalid(kind, group, name, [faults.invalid(`metadata.finalizers[${index}]`, finalizer, why)])
  }
  const added = wanted.filter((finalizer) => !finalizers.includes(finalizer))
  if (deletionTimestamp !== undefined && added.length > 0) {
    const found = added.map((finalizer) => JSON.stringify(finalizer)).join(', ')
    const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${found}}`
    throw invalid(kind, group, name, [faults.forbidden('metadata.finalizers', why)])
  }
}
