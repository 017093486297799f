import { matchesLabels, parseLabelSelector } from '../core/config/selector.ts'
import type { ClusterSettings } from '../core/config/settings.ts'
import { globList } from '../core/filter.ts'
import type { TriggerDefinition, TriggerRecord } from '../core/triggers.ts'
import type { ServedKind } from './discovery.ts'
import { keepsOld } from './match.ts'
import { type Query, streamId } from './query.ts'

/** A stream that is needed, and for whom. */
export interface WantedStream {
  readonly query: Query
  readonly triggers: readonly TriggerRecord[]
}

/** Beyond this many, one watch over all namespaces is cheaper for the API server than one each. */
const mostNamespaceStreams = 10

/** The triggers in force that name this cluster. */
export function triggersOf(
  cluster: Pick<ClusterSettings, 'name' | 'labels'>,
  triggers: readonly TriggerRecord[],
): TriggerRecord[] {
  return triggers.filter(({ state, definition }) => state !== 'dropping' && wantsCluster(definition, cluster))
}

function wantsCluster(
  { clusters, clusterSelector }: TriggerDefinition,
  { name, labels }: Pick<ClusterSettings, 'name' | 'labels'>,
): boolean {
  if (!globList(clusters ?? [])(name)) return false
  return clusterSelector === undefined || matchesLabels(parseLabelSelector(clusterSelector), labels)
}

/** The streams that the triggers need, by stream id: triggers whose queries are equal share one. `served`: what each gvk or wildcard means here. */
export function demand(
  clusterId: string,
  triggers: readonly TriggerRecord[],
  served: ReadonlyMap<string, ServedKind | readonly ServedKind[]>,
): Map<string, WantedStream> {
  const streams = new Map<string, { query: Query; triggers: TriggerRecord[] }>()
  for (const trigger of triggers) {
    for (const kind of trigger.definition.gvk.flatMap((gvk) => served.get(gvk) ?? [])) {
      for (const query of queriesOf(clusterId, trigger, kind)) {
        const id = streamId(query)
        const stream = streams.get(id) ?? { query, triggers: [] }
        streams.set(id, stream)
        if (!stream.triggers.includes(trigger)) stream.triggers.push(trigger)
      }
    }
  }
  return streams
}

/** Names the triggers: one may be of a function that was removed while no dispatcher ran, and is in force all the same. */
export function notServed(gvk: string, triggers: readonly TriggerRecord[]): string {
  const names = triggers.filter(({ definition }) => definition.gvk.includes(gvk)).map(({ name }) => name)
  const wanted = names.length === 1 ? `trigger ${names[0]} wants` : `triggers ${names.join(', ')} want`
  return `the cluster does not serve this kind, which ${wanted}; waiting for it`
}

function queriesOf(clusterId: string, { id, definition }: TriggerRecord, kind: ServedKind): Query[] {
  const query = {
    clusterId,
    resource: kind.resource,
    kind: kind.kind,
    namespaced: kind.namespaced,
    labelSelector: definition.labelSelector ?? '',
    fieldSelector: definition.fieldSelector ?? '',
    keepsOld: keepsOld(definition),
    ...(definition.metadataOnly && { metadataOnly: true }),
    // whoever begins with what is there begins with a list of its own
    startsFor: definition.from === 'existing' ? id : '',
  }
  return namespacesOf(definition, kind).map((namespace) => ({ ...query, namespace }))
}

/** A stream for each namespace that is named outright; one over all (`''`) where the rest has to be matched here. */
function namespacesOf({ namespaces = [] }: TriggerDefinition, { namespaced }: ServedKind): readonly string[] {
  const named = namespaces.length > 0 && !namespaces.some((pattern) => /[!*?]/.test(pattern))
  return namespaced && named && namespaces.length <= mostNamespaceStreams ? [...new Set(namespaces)] : ['']
}
