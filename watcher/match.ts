import { changedPaths, changesOutside, type Path, parsePath, touches } from '../core/changed.ts'
import type { AnyObject, DeltaType } from '../core/delta.ts'
import { globList, typesOf } from '../core/filter.ts'
import type { TriggerRecord } from '../core/triggers.ts'

/** A trigger prepared to be asked about many changes. */
export interface Matcher {
  readonly id: string
  readonly hash: string
  readonly from: 'now' | 'existing'
  /** Whether it needs the previous state: to decide, or to deliver it. */
  readonly old: boolean
  /** Asked first: what can be told without the object's content. */
  wants(type: DeltaType, namespace: string, name: string): boolean
  /** Asked of an Updated whose previous state is at hand: the paths that changed, or undefined when it is not wanted. */
  changed(old: AnyObject, object: AnyObject): readonly string[] | undefined
}

export function keepsOld(definition: TriggerRecord['definition']): boolean {
  return Boolean(definition.old || definition.changed || definition.ignore)
}

export function matcherOf({ id, hash, definition }: TriggerRecord): Matcher {
  const types = new Set(typesOf(definition))
  const namespaces = globList(definition.namespaces ?? [])
  const names = globList(definition.names ?? [])
  const paths: Path[] | undefined = definition.changed?.map(parsePath)
  const ignored: Path[] | undefined = definition.ignore?.map(parsePath)
  return {
    id,
    hash,
    from: definition.from ?? 'now',
    old: keepsOld(definition),
    wants: (type, namespace, name) => types.has(type) && namespaces(namespace) && names(name),
    changed: (old, object) => {
      if (paths && !touches(old, object, paths)) return undefined
      if (ignored && !changesOutside(old, object, ignored)) return undefined
      return changedPaths(old, object)
    },
  }
}
