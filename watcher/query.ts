import { createHash } from 'node:crypto'
import type { Resource } from '../core/queue/entry.ts'

/** One query at one API server: what makes a stream. Triggers share a stream only when their queries are equal. */
export interface Query {
  readonly clusterId: string
  readonly resource: Resource
  readonly kind: string
  readonly namespaced: boolean
  /** One namespace, or '' for all. */
  readonly namespace: string
  readonly labelSelector: string
  readonly fieldSelector: string
  /** Whether the last payload of every object is kept, for `old` and `changed`. */
  readonly keepsOld: boolean
  /** Nothing of an object but its metadata. */
  readonly metadataOnly?: boolean
  /** The one trigger that starts with the present objects; '' for the stream that all others share. */
  readonly startsFor: string
}

/** The stream's id: the same for equal queries, also after a restart. */
export function streamId(query: Query): string {
  const { clusterId, resource, namespace, labelSelector, fieldSelector, keepsOld, startsFor } = query
  const identity = [
    clusterId,
    resource.group,
    resource.version,
    resource.resource,
    namespace,
    labelSelector,
    fieldSelector,
    keepsOld,
    startsFor,
    ...(query.metadataOnly ? ['metadata'] : []),
  ]
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 20)
}

/** Eight hex digits of the selector, or '' without one: part of the ids on streams where one object can enter twice. */
export function selectorHash(query: Query): string {
  if (query.labelSelector === '' && query.fieldSelector === '') return ''
  return createHash('sha256').update(`${query.labelSelector}\n${query.fieldSelector}`).digest('hex').slice(0, 8)
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`
}

/** What has positions of its own in a cluster: all that is watched of one resource shares them. */
export function positionOf({ resource: { group, resource } }: Query): string {
  return `${group}/${resource}`
}

export function gvkOf({ resource, kind }: Query): string {
  return `${apiVersionOf(resource)}/${kind}`
}

/** The path that lists and watches the query. */
export function pathOf(query: Query): string {
  const { resource, namespace } = query
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  return `${root}${namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`}/${resource.resource}`
}

/** The selectors, the same on every request of the stream. */
export function selectorsOf(query: Query): URLSearchParams {
  const parameters = new URLSearchParams()
  if (query.labelSelector !== '') parameters.set('labelSelector', query.labelSelector)
  if (query.fieldSelector !== '') parameters.set('fieldSelector', query.fieldSelector)
  return parameters
}
