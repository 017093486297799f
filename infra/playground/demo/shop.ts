import type { PlaygroundCluster } from '../cluster.ts'
import type { Ledger } from './ledger.ts'

interface Stored {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string }
}

const deployments = '/apis/apps/v1/namespaces/shop/deployments'
const configMaps = '/api/v1/namespaces/shop/configmaps'

/** A shop in one cluster: what happens in it is noted in the ledger as what every trigger has to be told. */
export class Shop {
  readonly cluster: PlaygroundCluster
  readonly #ledger: Ledger

  constructor(cluster: PlaygroundCluster, ledger: Ledger) {
    this.cluster = cluster
    this.#ledger = ledger
  }

  async open(): Promise<void> {
    await this.#ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  }

  async deploy(name: string, replicas: number): Promise<void> {
    const labels = { app: name }
    const template = {
      metadata: { labels },
      spec: { containers: [{ name: 'main', image: `registry.example/${name}` }] },
    }
    const spec = { replicas, selector: { matchLabels: labels }, template }
    const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, labels }, spec }
    this.#tell('Deployment', name, versionOf(await this.#ask('POST', deployments, object)))
  }

  async scale(name: string, replicas: number): Promise<void> {
    const id = versionOf(await this.#ask('PATCH', `${deployments}/${name}`, { spec: { replicas } }))
    this.#tell('Deployment', name, id)
    this.#expect('scaled', 'Deployment', name, id)
  }

  async annotate(name: string, text: string): Promise<void> {
    const patch = { metadata: { annotations: { 'shop.example/note': text } } }
    this.#tell('Deployment', name, versionOf(await this.#ask('PATCH', `${deployments}/${name}`, patch)))
  }

  async undeploy(name: string): Promise<void> {
    const { metadata } = await this.#ask('GET', `${deployments}/${name}`)
    await this.#ask('DELETE', `${deployments}/${name}`)
    this.#tell('Deployment', name, `${metadata.uid}.deleted`)
  }

  /** Creates the order, or moves it on. */
  async order(name: string, state: string): Promise<void> {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { state } }
    const there = (await this.cluster.request('GET', `${configMaps}/${name}`)).status === 200
    const stored = there
      ? await this.#ask('PATCH', `${configMaps}/${name}`, { data: { state } })
      : await this.#ask('POST', configMaps, object)
    this.#tell('ConfigMap', name, versionOf(stored))
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Stored> {
    const answer = await this.cluster.request<Stored & { message?: string }>(method, path, body)
    if (answer.status >= 300) throw new Error(`${this.cluster.name}: ${method} ${path}: ${answer.body.message}`)
    return answer.body
  }

  #tell(kind: string, name: string, id: string): void {
    this.#expect('ledger', kind, name, id)
    if (kind === 'Deployment') this.#expect('deployments-to-audit', kind, name, id)
    else if (name.startsWith('order-')) this.#expect('charge', kind, name, id)
  }

  #expect(trigger: string, kind: string, name: string, id: string): void {
    this.#ledger.expect({ trigger, cluster: this.cluster.name, name: `${kind}/${name}`, id })
  }
}

function versionOf({ metadata }: Stored): string {
  return `${metadata.uid}.${metadata.resourceVersion}`
}
