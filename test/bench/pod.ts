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

const age = '2026-11-24T05:06:07Z'
const resources = { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } }
const conditions = ['PodScheduled', 'Ready'].map((type) => ({
  type,
  status: 'True',
  lastProbeTime: null,
  lastTransitionTime: age,
}))

/** What the controller of its ReplicaSet and the kubelet have written, as the API server notes it. */
const managedFields = [
  managed('kube-controller-manager', {
    'f:metadata': {
      'f:generateName': {},
      'f:labels': { '.': {}, 'f:app': {}, 'f:pod-template-hash': {} },
      'f:ownerReferences': { '.': {}, 'k:{"uid":"0b7f1f6e-9a54-4c1b-2f65-6f1c2f0e9a54"}': {} },
    },
    'f:spec': {
      'f:containers': {
        'k:{"name":"main"}': {
          '.': {},
          'f:env': { '.': {}, 'k:{"name":"SETTING_0"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
          'f:image': {},
          'f:imagePullPolicy': {},
          'f:name': {},
          'f:ports': { '.': {}, 'k:{"containerPort":8080,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
          'f:resources': { '.': {}, 'f:limits': { '.': {}, 'f:cpu': {}, 'f:memory': {} } },
        },
      },
      'f:dnsPolicy': {},
      'f:restartPolicy': {},
      'f:schedulerName': {},
    },
  }),
  managed('kubelet', {
    'f:status': {
      'f:conditions': Object.fromEntries(
        conditions.map(({ type }) => [`k:{"type":"${type}"}`, { '.': {}, 'f:lastProbeTime': {}, 'f:status': {} }]),
      ),
      'f:containerStatuses': {},
      'f:hostIP': {},
      'f:phase': {},
      'f:podIP': {},
      'f:startTime': {},
    },
  }),
]

function managed(manager: string, fieldsV1: object): object {
  return { manager, operation: 'Update', apiVersion: 'v1', time: age, fieldsType: 'FieldsV1', fieldsV1 }
}

/** A pod's JSON in the API server's own order of keys, about `bytes` long. Identity first, then the same for all. */
export class PodText {
  readonly #rest: string

  /** `managed`: with the managed fields, which an API server sends and no payload keeps. */
  constructor(bytes: number, managed: boolean) {
    const metadata = {
      generateName: 'checkout-7d9f6c5b8-',
      creationTimestamp: age,
      labels: { app: 'checkout', 'pod-template-hash': '7d9f6c5b8' },
      ...(managed && { managedFields }),
    }
    const env: object[] = []
    const rest = () => `${inside(metadata)}},"spec":${JSON.stringify(specOf(env))},"status":${JSON.stringify(status)}}`
    const missing = () => bytes - podText(podIdentity(0, 0), rest()).length
    while (missing() > 0) env.push({ name: `SETTING_${env.length}`, value: `https://${env.length}.shop.svc:8443/` })
    this.#rest = rest()
  }

  of(identity: PodIdentity): string {
    return podText(identity, this.#rest)
  }
}

function podText({ name, uid, resourceVersion }: PodIdentity, rest: string): string {
  return `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"${name}","namespace":"${podNamespace}","uid":"${uid}","resourceVersion":"${resourceVersion}",${rest}`
}

/** Members without the braces. */
function inside(value: object): string {
  return JSON.stringify(value).slice(1, -1)
}

/** The rest is made up by variables in the container's environment. */
function specOf(env: readonly object[]): object {
  const ports = [{ containerPort: 8_080, protocol: 'TCP' }]
  const main = { name: 'main', image: 'registry.example/checkout:1.42.0', ports, env, resources }
  return { containers: [main], restartPolicy: 'Always', nodeName: 'node-17', schedulerName: 'default-scheduler' }
}

const status = {
  phase: 'Running',
  conditions,
  hostIP: '10.0.0.17',
  podIP: '10.1.4.9',
  startTime: age,
  qosClass: 'Burstable',
}
