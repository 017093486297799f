import type { Plane } from './plane.ts'
import { type Resource, verbs } from './resources.ts'

const subresourceVerbs = ['get', 'patch', 'update']

/** The version that kubectl and the client libraries ask for. */
export const version = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.3-playground',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'playground',
}

/** Legacy discovery: what one of these paths answers, if it is one of discovery's. */
export function discover(plane: Plane, path: string): unknown {
  const groups = groupsOf(plane)
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  if (path === '/api/v1') return resourceList('v1', resourcesOf(plane, '', 'v1'))
  if (path === '/apis') {
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [...groups].map(([name, versions]) => group(name, versions)),
    }
  }
  const [, name = '', inGroup] = /^\/apis\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? []
  const versions = groups.get(name)
  if (!versions) return undefined
  if (inGroup === undefined) return { kind: 'APIGroup', apiVersion: 'v1', ...group(name, versions) }
  return versions.includes(inGroup) ? resourceList(`${name}/${inGroup}`, resourcesOf(plane, name, inGroup)) : undefined
}

/** Aggregated discovery: everything of `/api` or `/apis` at once. */
export function discoverAll(plane: Plane, path: '/api' | '/apis'): unknown {
  const groups = path === '/api' ? new Map([['', ['v1']]]) : groupsOf(plane)
  const items = [...groups].map(([name, versions]) => ({
    metadata: { ...(name !== '' && { name }) },
    versions: versions.map((one) => ({
      version: one,
      resources: resourcesOf(plane, name, one).map(aggregated),
      freshness: 'Current',
    })),
  }))
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items }
}

/** Group name -> versions, the preferred one first. */
export function groupsOf(plane: Plane): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const { group, version } of plane.resources()) {
    if (group === '') continue
    const versions = groups.get(group) ?? []
    groups.set(group, versions.includes(version) ? versions : [...versions, version])
  }
  return groups
}

function resourcesOf(plane: Plane, group: string, version: string): Resource[] {
  return plane.resources().filter((resource) => resource.group === group && resource.version === version)
}

function group(name: string, versions: readonly string[]) {
  const named = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: named, preferredVersion: named[0] }
}

function resourceList(groupVersion: string, resources: readonly Resource[]): unknown {
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: resources.flatMap(listed) }
}

function listed(resource: Resource): object[] {
  const { plural: name, singular, namespaced, kind, shortNames, categories } = resource
  const main = {
    name,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
  }
  const subresources = subresourcesOf(resource).map(({ subresource, scale }) => ({
    name: `${name}/${subresource}`,
    singularName: '',
    namespaced,
    ...(scale ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : { kind }),
    verbs: subresourceVerbs,
  }))
  return [main, ...subresources]
}

function aggregated(resource: Resource): object {
  const { plural, singular, namespaced, group, version, kind, shortNames, categories } = resource
  const responseKind = { group, version, kind }
  const subresources = subresourcesOf(resource).map(({ subresource, scale }) => ({
    subresource,
    responseKind: scale ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : responseKind,
    verbs: subresourceVerbs,
  }))
  return {
    resource: plural,
    responseKind,
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(subresources.length > 0 && { subresources }),
  }
}

function subresourcesOf({ scale, hasStatus }: Resource): { subresource: string; scale: boolean }[] {
  return [
    ...(scale ? [{ subresource: 'scale', scale: true }] : []),
    ...(hasStatus ? [{ subresource: 'status', scale: false }] : []),
  ]
}
