import { parseGvk } from '../core/filter.ts'
import type { Resource } from '../core/queue/entry.ts'
import { ApiFailure, type Connection } from './connection.ts'

/** Where a kind is served. */
export interface ServedKind {
  readonly gvk: string
  readonly resource: Resource
  readonly kind: string
  readonly namespaced: boolean
}

interface Group {
  readonly versions?: readonly { readonly version: string }[]
}

interface ResourceList {
  readonly resources?: readonly {
    readonly name: string
    readonly kind: string
    readonly namespaced: boolean
    readonly verbs?: readonly string[]
  }[]
}

/**
 * gvk -> endpoint, as the API server says: plurals are never guessed. What is served is remembered for as long as this
 * lives; what is not is asked again, for it may come.
 */
export class Discovery {
  readonly #api: Pick<Connection, 'get'>
  readonly #served = new Map<string, ServedKind>()

  constructor(api: Pick<Connection, 'get'>) {
    this.#api = api
  }

  /** What was served may not be any more. */
  forget(gvk: string): void {
    this.#served.delete(gvk)
  }

  /** undefined: the API server says that it has no such kind, or none that can be listed and watched. Rejects when it cannot be asked. */
  async find(gvk: string, signal: AbortSignal): Promise<ServedKind | undefined> {
    const known = this.#served.get(gvk)
    if (known) return known
    const served = await this.#find(gvk, parseGvk(gvk).version, signal)
    if (served) this.#served.set(gvk, served)
    return served
  }

  /** Whether no version of the group serves the kind: of one that only another version serves, every object is still there. */
  async removed(gvk: string, signal: AbortSignal): Promise<boolean> {
    const { group } = parseGvk(gvk)
    if (group === '') return (await this.find(gvk, signal)) === undefined
    const { versions = [] } = await this.#ask<Group>(`/apis/${group}`, signal)
    for (const { version } of versions) if (await this.#find(gvk, version, signal)) return false
    return true
  }

  async #find(gvk: string, version: string, signal: AbortSignal): Promise<ServedKind | undefined> {
    const { group, kind } = parseGvk(gvk)
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
    for (const resource of (await this.#ask<ResourceList>(path, signal)).resources ?? []) {
      // what can only be listed is listed again and again
      const watchable = resource.verbs?.includes('list')
      // `deployments/scale` and the like are parts of another resource
      if (resource.kind !== kind || !watchable || resource.name.includes('/')) continue
      const { name, namespaced } = resource
      return { gvk, resource: { group, version, resource: name }, kind, namespaced }
    }
    return undefined
  }

  async #ask<Answer extends object>(path: string, signal: AbortSignal): Promise<Partial<Answer>> {
    try {
      return JSON.parse((await this.#api.get(path, signal)).toString('utf8'))
    } catch (error) {
      // a group or version that is not there, as a Status or as plain text
      if (error instanceof ApiFailure && error.status.code === 404) return {}
      throw error
    }
  }
}
