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

  /** undefined: the API server says that it has no such kind, or none that can be listed and watched. Rejects when it cannot be asked. */
  async find(gvk: string, signal: AbortSignal): Promise<ServedKind | undefined> {
    const known = this.#served.get(gvk)
    if (known) return known
    const { group, version, kind } = parseGvk(gvk)
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
    for (const resource of (await this.#list(path, signal)).resources ?? []) {
      const watchable = resource.verbs?.includes('list') && resource.verbs.includes('watch')
      // `deployments/scale` and the like are parts of another resource
      if (resource.kind !== kind || !watchable || resource.name.includes('/')) continue
      const { name, namespaced } = resource
      const served = { gvk, resource: { group, version, resource: name }, kind, namespaced }
      this.#served.set(gvk, served)
      return served
    }
    return undefined
  }

  async #list(path: string, signal: AbortSignal): Promise<ResourceList> {
    try {
      return JSON.parse((await this.#api.get(path, signal)).toString('utf8'))
    } catch (error) {
      // a group or version that is not there, as a Status or as plain text
      if (error instanceof ApiFailure && error.status.code === 404) return {}
      throw error
    }
  }
}
