import type { Listed } from './list.ts'
import type { Fields, KubeObject } from './object.ts'
import type { Resource } from './resources.ts'
import { notAcceptable } from './status.ts'
import { tableOf } from './table.ts'

export type Form = 'object' | 'metadata' | 'metadataList' | 'table'

const forms: Readonly<Record<string, Form>> = {
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadataList',
  Table: 'table',
}

/** The first form of an Accept header that this server has. */
export function readForm(accept: string | undefined): Form {
  for (const range of (accept || 'application/json').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice('as='.length)
    if (as === undefined) return 'object'
    const form = forms[as]
    if (form !== undefined) return form
  }
  throw notAcceptable('only the following media types are accepted: application/json')
}

const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' }

/** One object, as the version that was asked for. */
export function presentObject(form: Form, resource: Resource, object: KubeObject, withColumns = true): unknown {
  switch (form) {
    case 'object':
      return versioned(resource, object)
    case 'metadata':
      return { ...partial, metadata: object.metadata }
    case 'table':
      return tableOf(resource, [object], { resourceVersion: object.metadata.resourceVersion }, withColumns)
    case 'metadataList':
      throw notAcceptable('you requested PartialObjectMetadataList, but the requested object is not a list')
    default:
      return form satisfies never
  }
}

export function presentList(form: Form, resource: Resource, { objects, metadata }: Listed): unknown {
  switch (form) {
    case 'object':
      return listOf(resource, objects, metadata)
    case 'metadataList': {
      const items = objects.map((object) => ({ ...partial, metadata: object.metadata }))
      return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items }
    }
    case 'table':
      return tableOf(resource, objects, metadata, true)
    case 'metadata':
      throw notAcceptable(
        `you requested PartialObjectMetadata, but the requested object is a list (${resource.listKind})`,
      )
    default:
      return form satisfies never
  }
}

export function presentBookmark(form: Form, resource: Resource, resourceVersion: string, initialEventsEnd: boolean) {
  const annotations = initialEventsEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }
  const metadata = { resourceVersion, ...annotations }
  if (form === 'table') return tableOf(resource, [], metadata, false)
  if (form === 'metadata') return { ...partial, metadata }
  const { kind, apiVersion, custom, hasStatus } = resource
  // Go writes the empty structs of a kind's spec and status
  const empty = hasStatus && !custom ? { spec: {}, status: {} } : {}
  return custom ? { apiVersion, kind, metadata } : { kind, apiVersion, metadata, ...empty }
}

/** Items of built-in kinds say nothing of their kind, the list does; those of custom resources say it each. */
function listOf(resource: Resource, objects: readonly KubeObject[], metadata: Listed['metadata']): unknown {
  const { apiVersion, listKind: kind } = resource
  if (resource.custom)
    return { apiVersion, items: objects.map((object) => versioned(resource, object)), kind, metadata }
  return { kind, apiVersion, metadata, items: objects.map(({ kind: _kind, apiVersion: _version, ...rest }) => rest) }
}

function versioned({ apiVersion }: Resource, object: KubeObject): KubeObject | Fields {
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion }
}
