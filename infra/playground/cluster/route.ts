import type { Plane } from './plane.ts'
import type { Resource } from './resources.ts'
import { methodNotAllowed, noSuchResource } from './status.ts'

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'

/** What a path under /api or /apis is about. */
export interface Route {
  readonly resource: Resource
  readonly namespace: string | undefined
  /** Empty: all of them. */
  readonly name: string
  readonly subresource: 'status' | 'scale' | undefined
}

/** Undefined: the group or version is not served, which is told in plain text. Throws for what it does not have. */
export function findRoute(plane: Plane, path: string): Route | undefined {
  const segments = path.split('/').slice(1).map(decodeURIComponent)
  const [group, version, rest] =
    segments[0] === 'api' ? ['', segments[1], segments.slice(2)] : [segments[1], segments[2], segments.slice(3)]
  const served = plane.resources().filter((resource) => resource.group === group && resource.version === version)
  const isNamespaced = rest[0] === 'namespaces' && rest.length > 2 && !isSubresource(rest[2])
  const [plural, name = '', subresource, ...more] = isNamespaced ? rest.slice(2) : rest
  const resource = served.find((one) => one.plural === plural)
  if (!resource) {
    // a group of custom resources knows only those; what is not there falls through to the last handler
    if (group === '' || served.some((one) => !one.custom)) throw noSuchResource()
    return undefined
  }
  if (isNamespaced && !resource.namespaced) throw noSuchResource()
  if (more.length > 0 || (subresource !== undefined && !has(resource, subresource))) throw noSuchResource()
  // a namespaced resource over all namespaces can only be listed and watched
  if (!isNamespaced && resource.namespaced && name !== '') throw noSuchResource()
  return {
    resource,
    namespace: isNamespaced ? rest[1] : undefined,
    name,
    subresource: subresource as Route['subresource'],
  }
}

export function verbOf(method: string, { name, namespace, resource, subresource }: Route, watches: boolean): Verb {
  const isWhole = resource.namespaced && namespace === undefined
  switch (method) {
    case 'GET':
      if (name === '') return watches ? 'watch' : 'list'
      return 'get'
    case 'POST':
      if (name === '' && !isWhole) return 'create'
      break
    case 'PUT':
      if (name !== '') return 'update'
      break
    case 'PATCH':
      if (name !== '') return 'patch'
      break
    case 'DELETE':
      if (name !== '' && subresource === undefined) return 'delete'
      if (name === '' && !isWhole) return 'deletecollection'
      break
  }
  throw methodNotAllowed()
}

function isSubresource(segment: string | undefined): boolean {
  return segment === 'status' || segment === 'scale' || segment === 'finalize'
}

function has({ hasStatus, scale }: Resource, subresource: string): boolean {
  return (subresource === 'status' && hasStatus) || (subresource === 'scale' && scale !== undefined)
}
