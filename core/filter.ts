import type { AnyDelta, DeltaType } from './delta.ts'

/** What of a trigger can be decided from a delta's name tag alone, without its content and without the cluster's labels. */
export interface StaticFilter {
  gvk: readonly string[]
  /** Without it: all; with `changed` or `ignore`: Updated. */
  types?: readonly DeltaType[] | undefined
  clusters?: readonly string[] | undefined
  namespaces?: readonly string[] | undefined
  names?: readonly string[] | undefined
  changed?: readonly string[] | undefined
  ignore?: readonly string[] | undefined
}

/** A delta's name tag. */
export type NameTag = Pick<AnyDelta, 'gvk' | 'type' | 'cluster' | 'namespace' | 'name'>

export type StaticCondition = 'gvk' | 'types' | 'clusters' | 'namespaces' | 'names'

const everyType: readonly DeltaType[] = ['Added', 'Updated', 'Deleted']

/** The types that a trigger wants: what is ignored or must have changed is a matter of updates. */
export function typesOf(filter: Pick<StaticFilter, 'types' | 'changed' | 'ignore'>): readonly DeltaType[] {
  return filter.types ?? (filter.changed || filter.ignore ? ['Updated'] : everyType)
}

/** The first condition of the filter that refuses the delta, if one does. */
export function staticMismatch(filter: StaticFilter, delta: NameTag): StaticCondition | undefined {
  return staticFilter(filter)(delta)
}

/** `staticMismatch` prepared once for many deltas. */
export function staticFilter(filter: StaticFilter): (delta: NameTag) => StaticCondition | undefined {
  const types = typesOf(filter)
  const cluster = globList(filter.clusters ?? [])
  const namespace = globList(filter.namespaces ?? [])
  const name = globList(filter.names ?? [])
  return (delta) => {
    if (!filter.gvk.some((pattern) => gvkMatches(pattern, delta.gvk))) return 'gvk'
    if (!types.includes(delta.type)) return 'types'
    if (!cluster(delta.cluster)) return 'clusters'
    // An object of the whole cluster is in the namespace '': refused by ['shop'], not by ['!shop'].
    if (!namespace(delta.namespace ?? '')) return 'namespaces'
    if (!name(delta.name)) return 'names'
    return undefined
  }
}

/**
 * Whether a name is in a list of globs: `*` and `?` as in a shell, `!x` excludes wherever it stands,
 * a list of exclusions alone means all but these, an empty list means all.
 */
export function globList(patterns: readonly string[]): (name: string) => boolean {
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!'))
  const excluded = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  return (name) =>
    !excluded.some((glob) => globMatches(glob, name)) &&
    (wanted.length === 0 || wanted.some((glob) => globMatches(glob, name)))
}

/** Goes back to the last `*` alone, which is enough; a regular expression would try them all, for ever on a hostile pattern. */
function globMatches(glob: string, text: string): boolean {
  const pattern = [...glob]
  const name = [...text]
  let star = -1
  let resume = 0
  let p = 0
  let n = 0
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++
      resume = n
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p++
      n++
    } else if (star !== -1) {
      p = star + 1
      n = ++resume
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Kinds that a wildcard leaves out: they tick all the time, or they are secret. Named, they match. */
const notByWildcard = new Set(['/Event', 'events.k8s.io/Event', 'coordination.k8s.io/Lease', '/Secret'])

/** Whether a trigger's gvk (`apps/v1/Deployment`, `apps/*`, `v1/*`, `apps/v1/*`, `*`) covers that of an object. */
export function gvkMatches(pattern: string, gvk: string): boolean {
  if (pattern === gvk) return true
  if (!isWildcard(pattern)) return false
  const { group, version, kind } = parseGvk(gvk)
  if (notByWildcard.has(`${group}/${kind}`)) return false
  if (pattern === '*') return true
  const prefix = pattern.slice(0, -'/*'.length)
  return prefix === (group === '' ? version : group) || prefix === `${group}/${version}`
}

export function isWildcard(gvk: string): boolean {
  return gvk === '*' || gvk.endsWith('/*')
}

/** The parts of `apps/v1/Deployment` or `v1/Pod` (group `''`). */
export function parseGvk(gvk: string): { group: string; version: string; kind: string } {
  const parts = gvk.split('/')
  const [group, version, kind] = parts.length === 2 ? ['', ...parts] : parts
  return { group: group ?? '', version: version ?? '', kind: kind ?? '' }
}
