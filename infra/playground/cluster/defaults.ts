import { definitionWithDefaults, faultsOfDefinition } from './definition.ts'
import { type Fields, fieldsOf, isFields, without } from './object.ts'
import type { Resource } from './resources.ts'
import { badRequest, type Cause, faults } from './status.ts'

/** What the server adds to an object of a built-in kind that does not say it. */
export function withDefaults(resource: Resource, object: Fields, serial: number, before?: Fields): Fields {
  if (resource.custom) return object
  const spec = fieldsOf(object.spec)
  switch (resource.kind) {
    case 'Pod':
      return { ...object, spec: podSpec(spec) }
    case 'Deployment':
      return { ...object, spec: deploymentSpec(spec) }
    case 'Service':
      return { ...object, spec: serviceSpec(spec, serial, fieldsOf(before?.spec)) }
    case 'Namespace':
      return { ...object, metadata: labelled(fieldsOf(object.metadata)), spec: { finalizers: ['kubernetes'], ...spec } }
    case 'Secret':
      return { ...without(object, 'stringData'), ...secretData(object), type: object.type ?? 'Opaque' }
    case 'CustomResourceDefinition':
      return definitionWithDefaults(object)
    default:
      return object
  }
}

/** The status of an object that was just created. */
export function initialStatus(resource: Resource): Fields | undefined {
  if (resource.custom) return undefined
  switch (resource.kind) {
    case 'Pod':
      return { phase: 'Pending', qosClass: 'BestEffort' }
    case 'Namespace':
      return { phase: 'Active' }
    case 'Service':
      return { loadBalancer: {} }
    case 'CustomResourceDefinition':
      return { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: [] }
    default:
      return {}
  }
}

/** What is wrong with an object of a built-in kind, as far as this server looks. */
export function faultsOf(resource: Resource, object: Fields, before?: Fields): Cause[] {
  if (resource.custom) return []
  const spec = fieldsOf(object.spec)
  switch (resource.kind) {
    case 'Pod':
      return hasContainers(spec) ? [] : [faults.required('spec.containers')]
    case 'Deployment':
      return faultsOfDeployment(spec, before && fieldsOf(before.spec))
    case 'CustomResourceDefinition':
      return faultsOfDefinition(object)
    default:
      return []
  }
}

/** Values of a wrong type are refused as Go's decoder refuses them. */
export function checkStrings(resource: Resource, object: Fields): void {
  const { labels, annotations } = fieldsOf(object.metadata)
  const data = resource.kind === 'ConfigMap' || resource.kind === 'Secret' ? object.data : undefined
  const maps = { 'ObjectMeta.metadata.labels': labels, 'ObjectMeta.metadata.annotations': annotations }
  for (const [field, map] of Object.entries({ ...maps, [`${resource.kind}.data`]: data })) {
    if (map === undefined || map === null) continue
    const wrong = isFields(map) ? Object.values(map).find((value) => typeof value !== 'string') : map
    if (wrong !== undefined) {
      throw badRequest(
        `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: json: cannot unmarshal ${wordFor(wrong)} into Go struct field ${field} of type string`,
      )
    }
  }
}

function wordFor(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : value === null ? 'null' : typeof value
}

function hasContainers(podSpec: Fields): boolean {
  return Array.isArray(podSpec.containers) && podSpec.containers.length > 0
}

function faultsOfDeployment(spec: Fields, before: Fields | undefined): Cause[] {
  const labels = fieldsOf(fieldsOf(fieldsOf(spec.template).metadata).labels)
  const wanted = fieldsOf(fieldsOf(spec.selector).matchLabels)
  const causes: Cause[] = []
  if (spec.selector === undefined) causes.push(faults.required('spec.selector'))
  else if (!Object.entries(wanted).every(([name, value]) => labels[name] === value)) {
    causes.push(faults.invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'))
  }
  if (!hasContainers(fieldsOf(fieldsOf(spec.template).spec))) {
    causes.push(faults.required('spec.template.spec.containers'))
  }
  if (before && JSON.stringify(before.selector) !== JSON.stringify(spec.selector)) {
    causes.push(faults.invalid('spec.selector', spec.selector, 'field is immutable'))
  }
  return causes
}

function podSpec(spec: Fields): Fields {
  const { containers } = spec
  const filled = Array.isArray(containers) && { containers: containers.map((one) => containerOf(fieldsOf(one))) }
  const defaults = {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  }
  return withMissing({ ...spec, ...filled }, defaults)
}

function containerOf(container: Fields): Fields {
  const latest = /^[^:@]*(?::latest)?$/.test(String(container.image ?? '').replace(/^.*\//, ''))
  return withMissing(container, {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: latest ? 'Always' : 'IfNotPresent',
  })
}

function withMissing(object: Fields, defaults: Fields): Fields {
  return { ...object, ...without(defaults, ...Object.keys(object)) }
}

function deploymentSpec(spec: Fields): Fields {
  const template = fieldsOf(spec.template)
  return {
    replicas: 1,
    ...spec,
    template: { ...template, spec: podSpec(fieldsOf(template.spec)) },
    strategy: {
      type: 'RollingUpdate',
      ...(fieldsOf(spec.strategy).type === 'Recreate'
        ? {}
        : { rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } }),
      ...fieldsOf(spec.strategy),
    },
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
    progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
  }
}

function serviceSpec(spec: Fields, serial: number, before: Fields): Fields {
  const ports = Array.isArray(spec.ports) ? spec.ports.map(fieldsOf) : []
  // one address per write is unique enough
  const clusterIP =
    spec.clusterIP ?? before.clusterIP ?? `10.${96 + ((serial >> 16) & 15)}.${(serial >> 8) & 255}.${serial & 255}`
  return {
    ...spec,
    ports: ports.map((port) => ({ protocol: 'TCP', targetPort: port.port, ...port })),
    clusterIP,
    clusterIPs: spec.clusterIPs ?? [clusterIP],
    type: spec.type ?? 'ClusterIP',
    sessionAffinity: spec.sessionAffinity ?? 'None',
    ipFamilies: spec.ipFamilies ?? ['IPv4'],
    ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
  }
}

function labelled(metadata: Fields): Fields {
  return { ...metadata, labels: { ...fieldsOf(metadata.labels), 'kubernetes.io/metadata.name': metadata.name } }
}

function secretData({ data, stringData }: Fields): Fields {
  if (stringData === undefined) return data === undefined ? {} : { data }
  const encoded = Object.entries(fieldsOf(stringData)).map(([name, text]) => [
    name,
    Buffer.from(String(text)).toString('base64'),
  ])
  return { data: { ...fieldsOf(data), ...Object.fromEntries(encoded) } }
}
