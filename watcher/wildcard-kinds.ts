import { AggregatedKinds, kindsOf, NoAggregatedDiscovery, type VersionedKind } from './aggregated-kinds.ts'
import type { Connection } from './connection.ts'
import type { ServedKind } from './discovery.ts'

/** An answer holds for all wildcards of one look, and for those that follow at once. */
const holdsMs = 9_000

/** What wildcards mean in one cluster, and what fell out of them. */
export class WildcardKinds {
  readonly #all: AggregatedKinds | undefined
  #kinds: readonly VersionedKind[] = []
  #askedAt = Number.NEGATIVE_INFINITY
  /** gvk -> kind, of every wildcard at the last look. */
  #covered = new Map<string, ServedKind>()
  #covering = new Map<string, ServedKind>()
  readonly #gone = new Set<string>()

  constructor(api: Partial<Pick<Connection, 'fresh'>>) {
    this.#all = api.fresh && new AggregatedKinds({ fresh: api.fresh.bind(api) })
  }

  get inUse(): boolean {
    return this.#covered.size > 0
  }

  /** `anew`: also when the last answer is young. Rejects when the cluster cannot be asked. */
  async expand(wildcard: string, signal: AbortSignal, anew: boolean): Promise<readonly ServedKind[]> {
    if (!this.#all) throw new NoAggregatedDiscovery()
    if (anew || performance.now() - this.#askedAt >= holdsMs) {
      this.#kinds = await this.#all.all(signal)
      this.#askedAt = performance.now()
    }
    const kinds = kindsOf(wildcard, this.#kinds)
    for (const kind of kinds) this.#covering.set(kind.gvk, kind)
    return kinds
  }

  /**
   * The kinds that wildcards covered once and that the cluster has no more, at any version. To be asked once at the end of a
   * look; `served`: everything that was found in it.
   */
  removed(served: readonly ServedKind[]): ReadonlySet<string> {
    for (const [gvk, { resource }] of this.#covered) {
      const there = this.#kinds.some(
        (kind) => kind.resource.group === resource.group && kind.resource.resource === resource.resource,
      )
      if (!this.#covering.has(gvk) && !there) this.#gone.add(gvk)
    }
    for (const { gvk } of served) this.#gone.delete(gvk)
    this.#covered = this.#covering
    this.#covering = new Map()
    return this.#gone
  }
}
