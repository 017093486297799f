import type { ClusterSettings } from '../core/config/settings.ts'
import { isWildcard } from '../core/filter.ts'
import type { TriggerDefinition, TriggerRecord } from '../core/triggers.ts'
import type { Connection } from './connection.ts'
import { demand, triggersOf } from './demand.ts'
import { Discovery, type ServedKind } from './discovery.ts'
import type { Query } from './query.ts'
import { WildcardKinds } from './wildcard-kinds.ts'

/** What the triggers need of one cluster. */
export interface Needs {
  readonly queries: readonly Query[]
  /** Kinds that the cluster does not serve, and the triggers that wait for them. */
  readonly unserved: ReadonlyMap<string, readonly string[]>
}

/** Asks the cluster where the kinds are that the triggers name. Rejects when it cannot be asked. */
export async function needsOf(
  cluster: Pick<ClusterSettings, 'name' | 'labels'>,
  definitions: readonly TriggerDefinition[],
  api: Pick<Connection, 'get'> & Partial<Pick<Connection, 'fresh'>>,
  signal: AbortSignal,
): Promise<Needs> {
  const mine = triggersOf(cluster, definitions.map(asRecord))
  const discovery = new Discovery(api)
  const wildcards = new WildcardKinds(api)
  const served = new Map<string, readonly ServedKind[]>()
  const unserved = new Map<string, readonly string[]>()
  for (const gvk of new Set(mine.flatMap(({ definition }) => definition.gvk))) {
    if (isWildcard(gvk)) {
      served.set(gvk, await wildcards.expand(gvk, signal, false))
      continue
    }
    const kind = await discovery.find(gvk, signal)
    if (kind) served.set(gvk, [kind])
    else
      unserved.set(
        gvk,
        mine.filter(({ definition }) => definition.gvk.includes(gvk)).map(({ name }) => name),
      )
  }
  return { queries: [...demand('', mine, served).values()].map(({ query }) => query), unserved }
}

/** As it would stand in Redis: here only the definition counts. */
function asRecord(definition: TriggerDefinition): TriggerRecord {
  return { id: definition.name, name: definition.name, state: 'active', sinceMs: 0, hash: '', definition }
}
