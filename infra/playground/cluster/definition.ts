import { type Fields, fieldsOf, type KubeObject, timestamp } from './object.ts'
import type { PrinterColumn, Resource, ScalePaths } from './resources.ts'
import { type Cause, faults } from './status.ts'

/** Keeps a definition until the last of its objects is gone. */
export const cleanup = 'customresourcecleanup.apiextensions.k8s.io'

interface Version {
  readonly name: string
  readonly served: boolean
  readonly storage: boolean
  readonly subresources?: { readonly status?: object; readonly scale?: ScalePaths }
  readonly selectableFields?: readonly { readonly jsonPath: string }[]
  readonly additionalPrinterColumns?: readonly PrinterColumn[]
}

interface Spec {
  readonly group: string
  readonly scope: 'Namespaced' | 'Cluster'
  readonly names: {
    readonly plural: string
    readonly kind: string
    readonly singular: string
    readonly listKind: string
    readonly shortNames?: readonly string[]
    readonly categories?: readonly string[]
  }
  readonly versions: readonly Version[]
}

function specOf(definition: Fields): Spec {
  return definition.spec as Spec
}

/** The resources that a custom resource definition serves, the stored version first. */
export function resourcesOf(definition: KubeObject): Resource[] {
  const { group, scope, names, versions } = specOf(definition)
  return versions
    .filter((version) => version.served)
    .sort((a, b) => Number(b.storage) - Number(a.storage))
    .map((version) => ({
      group,
      version: version.name,
      apiVersion: `${group}/${version.name}`,
      plural: names.plural,
      singular: names.singular,
      kind: names.kind,
      listKind: names.listKind,
      namespaced: scope === 'Namespaced',
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
      custom: true,
      hasStatus: version.subresources?.status !== undefined,
      hasGeneration: true,
      ...(version.subresources?.scale && { scale: version.subresources.scale }),
      selectable: (version.selectableFields ?? []).map((field) => field.jsonPath.replace(/^\./, '')),
      ...(version.additionalPrinterColumns && { columns: version.additionalPrinterColumns }),
    }))
}

export function definitionWithDefaults(definition: Fields): Fields {
  const spec = fieldsOf(definition.spec)
  const names = fieldsOf(spec.names)
  const kind = String(names.kind ?? '')
  return {
    ...definition,
    spec: {
      ...spec,
      names: { singular: kind.toLowerCase(), listKind: `${kind}List`, ...names },
      conversion: spec.conversion ?? { strategy: 'None' },
    },
  }
}

export function faultsOfDefinition(definition: Fields): Cause[] {
  const spec = fieldsOf(definition.spec)
  const names = fieldsOf(spec.names)
  const name = fieldsOf(definition.metadata).name
  const causes: Cause[] = []
  if (typeof spec.group !== 'string' || spec.group === '') causes.push(faults.required('spec.group'))
  if (spec.scope !== 'Namespaced' && spec.scope !== 'Cluster') causes.push(faults.required('spec.scope'))
  if (typeof names.plural !== 'string') causes.push(faults.required('spec.names.plural'))
  if (typeof names.kind !== 'string') causes.push(faults.required('spec.names.kind'))
  if (name !== `${names.plural}.${spec.group}`) {
    causes.push(faults.invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group'))
  }
  const versions = Array.isArray(spec.versions) ? spec.versions.map(fieldsOf) : []
  if (versions.filter((version) => version.storage === true).length !== 1) {
    causes.push(
      faults.invalid('spec.versions', spec.versions, 'must have exactly one version marked as storage version'),
    )
  }
  for (const [index, version] of versions.entries()) {
    if (version.schema === undefined) {
      causes.push(faults.required(`spec.versions[${index}].schema.openAPIV3Schema`, 'schemas are required'))
    }
  }
  if (fieldsOf(spec.conversion).strategy !== 'None') {
    causes.push(faults.unsupported('spec.conversion.strategy', fieldsOf(spec.conversion).strategy, ['None']))
  }
  return causes
}

export function establishedStatus(definition: KubeObject): Fields {
  const { names, versions } = specOf(definition)
  const lastTransitionTime = timestamp()
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    lastTransitionTime,
    reason,
    message,
  })
  return {
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    acceptedNames: names,
    storedVersions: versions.filter((version) => version.storage).map((version) => version.name),
  }
}
