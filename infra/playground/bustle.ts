import { setTimeout as sleep } from 'node:timers/promises'
import type { PlaygroundCluster } from './cluster.ts'

const deployments = '/apis/apps/v1/namespaces/shop/deployments'
const endpoints = '/api/v1/namespaces/soa/endpoints'
const pods = '/api/v1/namespaces/shop/pods'
const services = ['cart', 'checkout', 'search']

/** Keeps something happening in a cluster, one change at a time, until `signal` aborts: a rollout, a scale, an address that moves, a pod that comes and goes. */
export async function bustle(cluster: PlaygroundCluster, everyMs: number, signal: AbortSignal): Promise<void> {
  for (const name of ['shop', 'soa']) await ask(cluster, 'POST', '/api/v1/namespaces', namespace(name))
  for (const name of services) {
    await ask(cluster, 'POST', deployments, deployment(name))
    await ask(cluster, 'POST', endpoints, endpointsOf(name, 0))
  }
  for (let round = 0; !signal.aborted; round++) {
    for (const change of changesOf(round)) {
      await sleep(everyMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      await ask(cluster, ...change)
    }
  }
}

type Change = [method: string, path: string, body?: object]

/** What happens in one round. */
function changesOf(round: number): Change[] {
  const name = services[round % services.length]!
  const job = `report-${round}`
  return [
    ['PATCH', `${deployments}/${name}`, { spec: { replicas: 2 + (round % 4) } }],
    ['PATCH', `${endpoints}/${name}`, endpointsOf(name, round + 1)],
    ['POST', pods, pod(job, round % 2 === 0 ? 'ghcr.io/shop/report:1' : 'docker.io/library/busybox:1')],
    ['PATCH', `${deployments}/${name}`, { metadata: { annotations: { 'shop.example/round': String(round) } } }],
    ['DELETE', `${pods}/${job}`],
  ]
}

/** People may change and delete what they like meanwhile; what is not there then is simply made again. */
async function ask(cluster: PlaygroundCluster, method: string, path: string, body?: object): Promise<void> {
  const answer = await cluster.request(method, path, body)
  if (answer.status !== 404 || method !== 'PATCH') return
  const name = path.slice(path.lastIndexOf('/') + 1)
  const collection = path.slice(0, path.lastIndexOf('/'))
  await cluster.request('POST', collection, collection === deployments ? deployment(name) : endpointsOf(name, 0))
}

function namespace(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
}

function deployment(name: string): object {
  const labels = { app: name }
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: 'main', image: `registry.example/${name}:1` }] },
  }
  const spec = { replicas: 1, selector: { matchLabels: labels }, template }
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, labels }, spec }
}

function endpointsOf(name: string, round: number): object {
  const subsets = [
    { addresses: [{ ip: `10.0.${round % 256}.1` }, { ip: `10.0.${round % 256}.2` }], ports: [{ port: 80 }] },
  ]
  return { apiVersion: 'v1', kind: 'Endpoints', metadata: { name }, subsets }
}

function pod(name: string, image: string): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'main', image }] } }
}
