import type { Query } from './query.ts'

/** Whom the rules are for. */
export type Subject =
  | { readonly kind: 'ServiceAccount'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'User'; readonly name: string }

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

/** Of roles and bindings. */
const name = 'deltabridge'
const verbs = ['get', 'list', 'watch']
const api = 'rbac.authorization.k8s.io'

/** What tells this cluster from another is read once, and of that one object. */
const identity: Rule = { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] }

/** The least roles by which these queries may be listed and watched, and their bindings, as manifests. */
export function leastRbac(queries: readonly Query[], subject: Subject): readonly object[] {
  const everywhere = queries.filter(({ namespace }) => namespace === '')
  const all = new Set(everywhere.map(resourceKey))
  // what may be read everywhere need not be allowed again
  const named = queries.filter((query) => query.namespace !== '' && !all.has(resourceKey(query)))
  const namespaces = [...new Set(named.map(({ namespace }) => namespace))].sort()
  return [
    ...bound('ClusterRole', [...rulesOf(everywhere), identity], subject),
    ...namespaces.flatMap((namespace) =>
      bound('Role', rulesOf(named.filter((query) => query.namespace === namespace)), subject, namespace),
    ),
  ]
}

function bound(kind: 'ClusterRole' | 'Role', rules: readonly Rule[], subject: Subject, namespace?: string): object[] {
  const apiVersion = `${api}/v1`
  const metadata = { name, ...(namespace !== undefined && { namespace }) }
  const subjects = [subject.kind === 'User' ? { apiGroup: api, ...subject } : subject]
  return [
    { apiVersion, kind, metadata, rules },
    { apiVersion, kind: `${kind}Binding`, metadata, roleRef: { apiGroup: api, kind, name }, subjects },
  ]
}

function rulesOf(queries: readonly Query[]): Rule[] {
  const groups = [...new Set(queries.map(({ resource }) => resource.group))].sort()
  return groups.map((group) => {
    const ofGroup = queries.filter(({ resource }) => resource.group === group)
    return {
      apiGroups: [group],
      resources: [...new Set(ofGroup.map(({ resource }) => resource.resource))].sort(),
      verbs,
    }
  })
}

function resourceKey({ resource: { group, resource } }: Query): string {
  return `${group}/${resource}`
}
