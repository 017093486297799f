import { groupsOf } from './discovery.ts'
import type { Fields } from './object.ts'
import type { Plane } from './plane.ts'
import type { Resource } from './resources.ts'

/**
 * What kubectl wants to know before it writes: that the server takes `fieldValidation`, so that it need not check by
 * itself. The schemas say of each kind no more than that it is an object: this server keeps every field it is given.
 */
export function openApi(plane: Plane, path: string): unknown {
  const known = [
    'api/v1',
    ...[...groupsOf(plane)].flatMap(([group, versions]) => versions.map((one) => `apis/${group}/${one}`)),
  ]
  if (path === '/openapi/v3') {
    return { paths: Object.fromEntries(known.map((one) => [one, { serverRelativeURL: `/openapi/v3/${one}` }])) }
  }
  const one = path.replace(/^\/openapi\/v3\//, '')
  if (!known.includes(one)) return undefined
  const apiVersion = one.replace(/^apis?\//, '')
  const resources = plane.resources().filter((resource) => resource.apiVersion === apiVersion)
  return {
    openapi: '3.0.0',
    info: { title: 'deltabridge playground', version: 'v1' },
    paths: Object.fromEntries(resources.map((resource) => pathOf(one, resource))),
    components: { schemas: Object.fromEntries(resources.map(schemaOf)) },
  }
}

function pathOf(prefix: string, resource: Resource): [string, Fields] {
  const { plural, namespaced } = resource
  const path = `/${prefix}/${namespaced ? 'namespaces/{namespace}/' : ''}${plural}/{name}`
  const action = (name: string) => ({ 'x-kubernetes-action': name, 'x-kubernetes-group-version-kind': gvkOf(resource) })
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string' },
  }))
  const responses = { 200: { description: 'OK' } }
  return [
    path,
    {
      get: { ...action('get'), responses },
      put: { ...action('put'), parameters, responses },
      patch: { ...action('patch'), parameters, responses },
      delete: { ...action('delete'), responses },
    },
  ]
}

function schemaOf(resource: Resource): [string, Fields] {
  const { group, version, kind } = resource
  const name = `${group.split('.').reverse().join('.') || 'core'}.${version}.${kind}`
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return [name, { ...open, 'x-kubernetes-group-version-kind': [gvkOf(resource)] }]
}

function gvkOf({ group, version, kind }: Resource): Fields {
  return { group, version, kind }
}
