import type { DeltaType } from '../delta.ts'

/** The API server's own coordinates of a kind, from discovery; core's group is ''. */
export interface Resource {
  readonly group: string
  readonly version: string
  readonly resource: string
}

/**
 * One waiting delta in a mailbox. Its object's bytes stand apart, once for all who refer to them:
 * `payload` and `old` are references `<batch>/<field>`, or '' where nothing is kept.
 */
export interface Entry {
  readonly payload: string
  readonly old: string
  readonly id: string
  readonly type: DeltaType
  readonly cluster: string
  readonly gvk: string
  readonly namespace?: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly resource: Resource
  /** Hash of the trigger's definition that matched. */
  readonly hash: string
  readonly initial?: true
  readonly finalStateUnknown?: true
  readonly reason?: string
  readonly changed?: readonly string[]
  readonly observedAt: string
  /** It comes from the dead letters: its order among those of its object (see dead-letters.lua). */
  readonly replayed?: number
}

/** `<payload>\n<old>\n<JSON>`: the scripts read the references, and of the JSON `replayed` alone. */
export function encodeEntry({ payload, old, ...rest }: Entry): string {
  return `${payload}\n${old}\n${JSON.stringify(rest)}`
}

export function decodeEntry(text: string): Entry {
  const first = text.indexOf('\n')
  const second = text.indexOf('\n', first + 1)
  return { ...JSON.parse(text.slice(second + 1)), payload: text.slice(0, first), old: text.slice(first + 1, second) }
}

/** The line an object stands in: by its name, so that the Deleted of one uid stays before the Added of the next. */
export function mailboxOf(clusterId: string, resource: Resource, objectKey: string): string {
  return `${clusterId}/${resource.group}/${resource.resource}/${objectKey}`
}
