import { gvkMatches, parseGvk } from '../core/filter.ts'
import type { Connection } from './connection.ts'
import type { ServedKind } from './discovery.ts'

/** A kind at one of its versions. */
export interface VersionedKind extends ServedKind {
  /** Whether this is the version that the API server would rather be asked for. */
  readonly preferred: boolean
}

interface Group {
  readonly metadata?: { readonly name?: string }
  readonly versions?: readonly {
    readonly version: string
    readonly freshness?: string
    readonly resources?: readonly {
      readonly resource: string
      readonly scope?: string
      readonly verbs?: readonly string[]
      readonly responseKind?: { readonly kind?: string }
    }[]
  }[]
}

/** https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery, since Kubernetes 1.27 */
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const aggregatedBeta = 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'

/** A kind counts as gone when it has been missing for this long: an answer may come from a server that has not heard of it yet. */
const goneMs = 5_000

/** The cluster tells its kinds one by one only: it is too old for wildcards. */
export class NoAggregatedDiscovery extends Error {
  override name = 'NoAggregatedDiscovery'

  constructor() {
    super('the cluster is too old for wildcards, which take Kubernetes 1.27: name each kind')
  }
}

/** Every kind of a cluster that can be listed and watched, by aggregated discovery. */
export class AggregatedKinds {
  readonly #api: Pick<Connection, 'fresh'>
  readonly #goneMs: number
  readonly #answers = new Map<string, { readonly etag: string; readonly groups: readonly Group[] }>()
  readonly #kinds = new Map<string, { readonly kind: VersionedKind; missingSince?: number }>()

  constructor(api: Pick<Connection, 'fresh'>, after = goneMs) {
    this.#api = api
    this.#goneMs = after
  }

  /** Rejects when the cluster cannot be asked. What it is not sure of, because a group's own server does not answer it, stays as it was. */
  async all(signal: AbortSignal): Promise<readonly VersionedKind[]> {
    const groups = (await Promise.all(['/api', '/apis'].map((path) => this.#groups(path, signal)))).flat()
    const found = new Map<string, VersionedKind>()
    const unsure = new Set<string>()
    for (const group of groups) {
      const name = group.metadata?.name ?? ''
      const seen = new Set<string>()
      for (const { version, freshness, resources = [] } of group.versions ?? []) {
        if (freshness === 'Stale') unsure.add(`${name}/${version}`)
        for (const { resource, scope, verbs = [], responseKind } of resources) {
          const kind = responseKind?.kind
          if (!kind || !verbs.includes('list') || !verbs.includes('watch')) continue
          const gvk = `${name === '' ? '' : `${name}/`}${version}/${kind}`
          const served = { gvk, resource: { group: name, version, resource }, kind, namespaced: scope === 'Namespaced' }
          // versions come in the order in which the server would have them asked for
          found.set(gvk, { ...served, preferred: !seen.has(resource) })
          seen.add(resource)
        }
      }
    }
    return this.#settle(found, unsure)
  }

  #settle(found: ReadonlyMap<string, VersionedKind>, unsure: ReadonlySet<string>): VersionedKind[] {
    const now = performance.now()
    for (const [gvk, kind] of found) this.#kinds.set(gvk, { kind })
    for (const [gvk, { kind, missingSince = now }] of this.#kinds) {
      if (found.has(gvk) || unsure.has(`${kind.resource.group}/${kind.resource.version}`)) continue
      if (now - missingSince >= this.#goneMs && missingSince !== now) this.#kinds.delete(gvk)
      else this.#kinds.set(gvk, { kind, missingSince })
    }
    const kinds = [...this.#kinds.values()].map(({ kind }) => kind)
    // of a resource whose preferred version moved, the old one is no longer it, however long it is remembered
    return kinds.filter((kind) => found.has(kind.gvk) || !kinds.some((other) => sameResource(other, kind)))
  }

  async #groups(path: string, signal: AbortSignal): Promise<readonly Group[]> {
    const before = this.#answers.get(path)
    const answer = await this.#api.fresh(path, signal, {
      accept: `${aggregated},${aggregatedBeta}`,
      etag: before?.etag,
    })
    if (!answer) return before?.groups ?? []
    const { kind, items } = JSON.parse(answer.body.toString('utf8'))
    if (kind !== 'APIGroupDiscoveryList' || !Array.isArray(items)) throw new NoAggregatedDiscovery()
    this.#answers.set(path, { etag: answer.etag, groups: items })
    return items
  }
}

function sameResource(a: VersionedKind, b: VersionedKind): boolean {
  return a !== b && a.resource.group === b.resource.group && a.resource.resource === b.resource.resource
}

/** The kinds that a wildcard means, each once: at the preferred version, unless the wildcard names one. */
export function kindsOf(pattern: string, kinds: readonly VersionedKind[]): VersionedKind[] {
  return kinds.filter((kind) => {
    const { group, version } = parseGvk(kind.gvk)
    const namesVersion = group !== '' && pattern === `${group}/${version}/*`
    return gvkMatches(pattern, kind.gvk) && (namesVersion || kind.preferred)
  })
}
