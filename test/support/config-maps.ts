/** What answers requests as an API server's administrator: a playground cluster or a real control plane. */
export interface Administrator {
  request<Body = unknown>(method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }>
}

interface Stored {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string }
}

type Content = Readonly<Record<string, unknown>>

/** Writes config maps; answers each time with the id of the delta that this has to become. */
export class ConfigMaps {
  readonly #cluster: Administrator
  readonly #path: string

  constructor(cluster: Administrator, namespace = 'default') {
    this.#cluster = cluster
    this.#path = `/api/v1/namespaces/${namespace}/configmaps`
  }

  async create(name: string, data: Content = {}, annotations?: Content): Promise<string> {
    const metadata = { name, ...(annotations && { annotations }) }
    return versionOf(await this.#ask('POST', this.#path, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }))
  }

  async update(name: string, data: Content): Promise<string> {
    return versionOf(await this.#ask('PATCH', `${this.#path}/${name}`, { data }))
  }

  async remove(name: string): Promise<string> {
    const { metadata } = await this.#ask('GET', `${this.#path}/${name}`)
    await this.#ask('DELETE', `${this.#path}/${name}`)
    return `${metadata.uid}.deleted`
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Stored> {
    const answer = await this.#cluster.request<Stored>(method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
}

function versionOf({ metadata }: Stored): string {
  return `${metadata.uid}.${metadata.resourceVersion}`
}
