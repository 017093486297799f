/** Where replicas stand, by the dotted paths of a CRD. */
export interface ScalePaths {
  readonly specReplicasPath: string
  readonly statusReplicasPath: string
  readonly labelSelectorPath?: string
}

/** A column of `kubectl get` that a CRD declares. */
export interface PrinterColumn {
  readonly name: string
  readonly type: string
  readonly jsonPath: string
  readonly priority?: number
}

/** One resource in one version, as it is served. */
export interface Resource {
  readonly group: string
  readonly version: string
  /** What stands in its objects. */
  readonly apiVersion: string
  readonly plural: string
  readonly singular: string
  readonly kind: string
  readonly listKind: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly custom: boolean
  /** Its status is written through the subresource alone. */
  readonly hasStatus: boolean
  readonly hasGeneration: boolean
  readonly scale?: ScalePaths
  /** Field selectors beyond name and namespace. */
  readonly selectable: readonly string[]
  readonly columns?: readonly PrinterColumn[]
}

export const verbs: readonly string[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

type Short = Pick<Resource, 'plural' | 'kind'> & Partial<Resource>

function builtIn(resource: Short): Resource {
  const { group = '', version = 'v1', kind } = resource
  return {
    group,
    version,
    apiVersion: group === '' ? version : `${group}/${version}`,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced: true,
    shortNames: [],
    categories: [],
    custom: false,
    hasStatus: false,
    hasGeneration: false,
    selectable: [],
    ...resource,
  }
}

const podFields = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'spec.hostNetwork',
  'status.phase',
  'status.podIP',
  'status.nominatedNodeName',
]

export const namespaces = builtIn({
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
  shortNames: ['ns'],
  hasStatus: true,
  selectable: ['status.phase'],
})

export const definitions = builtIn({
  group: 'apiextensions.k8s.io',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  hasStatus: true,
  hasGeneration: true,
})

export const builtIns: readonly Resource[] = [
  builtIn({ plural: 'configmaps', kind: 'ConfigMap', shortNames: ['cm'] }),
  builtIn({ plural: 'endpoints', kind: 'Endpoints', singular: 'endpoints', shortNames: ['ep'] }),
  namespaces,
  builtIn({
    plural: 'pods',
    kind: 'Pod',
    shortNames: ['po'],
    categories: ['all'],
    hasStatus: true,
    hasGeneration: true,
    selectable: podFields,
  }),
  builtIn({ plural: 'secrets', kind: 'Secret', selectable: ['type'] }),
  builtIn({
    plural: 'services',
    kind: 'Service',
    shortNames: ['svc'],
    categories: ['all'],
    hasStatus: true,
    selectable: ['spec.clusterIP', 'spec.type'],
  }),
  builtIn({
    group: 'apps',
    plural: 'deployments',
    kind: 'Deployment',
    shortNames: ['deploy'],
    categories: ['all'],
    hasStatus: true,
    hasGeneration: true,
    scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
  }),
  definitions,
]
