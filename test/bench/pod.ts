/** What makes one pod differ from the next. */
export interface PodIdentity {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
}

export const podNamespace = 'shop'

export function podIdentity(number: number, resourceVersion: number): PodIdentity {
  const digits = String(number).padStart(12, '0')
  return {
    name: `checkout-7d9f6c5b8-${digits}`,
    uid: `6f1c2f0e-2f65-4c1b-9a54-${digits}`,
    resourceVersion: String(resourceVersion),
  }
}

/** A pod's JSON in the API server's own order of keys, about `bytes` long. Identity first, then the same for all. */
export class PodText {
  readonly #rest: string

  constructor(bytes: number) {
    const head = podText(podIdentity(0, 0), '').length
    this.#rest = restOf(Math.max(0, bytes - head))
  }

  of(identity: PodIdentity): string {
    return podText(identity, this.#rest)
  }
}

function podText({ name, uid, resourceVersion }: PodIdentity, rest: string): string {
  return `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"${name}","namespace":"${podNamespace}","uid":"${uid}","resourceVersion":"${resourceVersion}","creationTimestamp":"2026-11-24T05:06:07Z","labels":{"app":"checkout","pod-template-hash":"7d9f6c5b8"}}${rest}}`
}

/** Spec and status, with as many variables in the container's environment as it takes. */
function restOf(bytes: number): string {
  const env: { name: string; value: string }[] = []
  const text = () => {
    const container = {
      name: 'main',
      image: 'registry.example/shop/checkout:1.42.0',
      ports: [{ containerPort: 8080, protocol: 'TCP' }],
      env,
      resources: { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    }
    const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
      type,
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: '2026-11-24T05:06:09Z',
    }))
    const spec = { containers: [container], restartPolicy: 'Always', nodeName: 'node-17', schedulerName: 'default' }
    return `,"spec":${JSON.stringify(spec)},"status":${JSON.stringify({ phase: 'Running', conditions })}`
  }
  if (text().length > bytes) return ''
  while (text().length < bytes)
    env.push({ name: `SETTING_${env.length}`, value: `https://service-${env.length}.shop.svc:8443/` })
  return text()
}
