/** What a field holds: `optional` numbers are there when they are sent, plain ones when they are not 0. */
export type FieldType =
  | 'string'
  | 'strings'
  | 'number'
  | 'optional'
  | 'boolean'
  | 'map'
  | 'bytesMap'
  | 'intOrString'
  | 'ignored'
  | { readonly one: Message }
  | { readonly many: Message }

/** Field numbers of a message, from the generated.proto files of https://github.com/kubernetes/api. */
export type Message = Readonly<Record<number, readonly [name: string, type: FieldType]>>

const metadata: Message = {
  1: ['name', 'string'],
  2: ['generateName', 'string'],
  3: ['namespace', 'string'],
  5: ['uid', 'string'],
  6: ['resourceVersion', 'string'],
  7: ['generation', 'ignored'],
  8: ['creationTimestamp', 'ignored'],
  11: ['labels', 'map'],
  12: ['annotations', 'map'],
  14: ['finalizers', 'strings'],
}

const requirement: Message = { 1: ['key', 'string'], 2: ['operator', 'string'], 3: ['values', 'strings'] }

const labelSelector: Message = { 1: ['matchLabels', 'map'], 2: ['matchExpressions', { many: requirement }] }

const containerPort: Message = {
  1: ['name', 'string'],
  2: ['hostPort', 'number'],
  3: ['containerPort', 'number'],
  4: ['protocol', 'string'],
  5: ['hostIP', 'string'],
}

const container: Message = {
  1: ['name', 'string'],
  2: ['image', 'string'],
  3: ['command', 'strings'],
  4: ['args', 'strings'],
  5: ['workingDir', 'string'],
  6: ['ports', { many: containerPort }],
  7: ['env', { many: { 1: ['name', 'string'], 2: ['value', 'string'] } }],
  13: ['terminationMessagePath', 'string'],
  14: ['imagePullPolicy', 'string'],
  16: ['stdin', 'boolean'],
  17: ['stdinOnce', 'boolean'],
  18: ['tty', 'boolean'],
  20: ['terminationMessagePolicy', 'string'],
}

const podSpec: Message = {
  2: ['containers', { many: container }],
  3: ['restartPolicy', 'string'],
  4: ['terminationGracePeriodSeconds', 'optional'],
  6: ['dnsPolicy', 'string'],
  7: ['nodeSelector', 'map'],
  8: ['serviceAccountName', 'string'],
  10: ['nodeName', 'string'],
  19: ['schedulerName', 'string'],
  20: ['initContainers', { many: container }],
}

const deploymentSpec: Message = {
  1: ['replicas', 'optional'],
  2: ['selector', { one: labelSelector }],
  3: ['template', { one: { 1: ['metadata', { one: metadata }], 2: ['spec', { one: podSpec }] } }],
  4: ['strategy', { one: { 1: ['type', 'string'] } }],
  5: ['minReadySeconds', 'number'],
  6: ['revisionHistoryLimit', 'optional'],
  7: ['paused', 'boolean'],
  9: ['progressDeadlineSeconds', 'optional'],
}

const servicePort: Message = {
  1: ['name', 'string'],
  2: ['protocol', 'string'],
  3: ['port', 'number'],
  4: ['targetPort', 'intOrString'],
  5: ['nodePort', 'number'],
}

const serviceSpec: Message = {
  1: ['ports', { many: servicePort }],
  2: ['selector', 'map'],
  3: ['clusterIP', 'string'],
  4: ['type', 'string'],
  5: ['externalIPs', 'strings'],
  7: ['sessionAffinity', 'string'],
  10: ['externalName', 'string'],
}

const resourceAttributes: Message = {
  1: ['namespace', 'string'],
  2: ['verb', 'string'],
  3: ['group', 'string'],
  4: ['version', 'string'],
  5: ['resource', 'string'],
  6: ['subresource', 'string'],
  7: ['name', 'string'],
}

/** The kinds that `kubectl create KIND` makes, and what `kubectl auth can-i` asks. */
export const messages: Readonly<Record<string, Message>> = {
  ConfigMap: {
    1: ['metadata', { one: metadata }],
    2: ['data', 'map'],
    3: ['binaryData', 'bytesMap'],
    4: ['immutable', 'boolean'],
  },
  Secret: {
    1: ['metadata', { one: metadata }],
    2: ['data', 'bytesMap'],
    3: ['type', 'string'],
    4: ['stringData', 'map'],
    5: ['immutable', 'boolean'],
  },
  Namespace: {
    1: ['metadata', { one: metadata }],
    2: ['spec', { one: { 1: ['finalizers', 'strings'] } }],
    3: ['status', 'ignored'],
  },
  Pod: { 1: ['metadata', { one: metadata }], 2: ['spec', { one: podSpec }], 3: ['status', 'ignored'] },
  Deployment: { 1: ['metadata', { one: metadata }], 2: ['spec', { one: deploymentSpec }], 3: ['status', 'ignored'] },
  Service: { 1: ['metadata', { one: metadata }], 2: ['spec', { one: serviceSpec }], 3: ['status', 'ignored'] },
  SelfSubjectAccessReview: {
    1: ['metadata', { one: metadata }],
    2: ['spec', { one: { 1: ['resourceAttributes', { one: resourceAttributes }] } }],
    3: ['status', 'ignored'],
  },
}
