// What a filter may say and how it narrows the delta. Compiled, never run.
import { type DeltaOf, type DeltaType, on } from 'deltabridge'
import type { V1Deployment, V1Pod } from 'deltabridge/kinds'
import pino from 'pino'
import { type Equal, expectType } from './expect.ts'

// `types` narrows.
on('v1/Pod', (delta) => {
  expectType<Equal<typeof delta.type, DeltaType>>()
  if (delta.type === 'Added') expectType<Equal<typeof delta.initial, true | undefined>>()
  if (delta.type === 'Updated') expectType<Equal<typeof delta.old, V1Pod | undefined>>()
  // Fields of one type may be asked for on all: undefined elsewhere.
  expectType<Equal<typeof delta.initial, true | undefined>>()
  switch (delta.type) {
    case 'Added':
    case 'Updated':
    case 'Deleted':
      return
    default:
      delta satisfies never
  }
})
on('v1/Pod', { types: ['Added', 'Deleted'] }, (delta) => {
  expectType<Equal<typeof delta.type, 'Added' | 'Deleted'>>()
  // @ts-expect-error not asked for
  if (delta.type === 'Updated') return
})

// A deletion that nobody saw: only the identity is certain.
on('v1/ConfigMap', { types: ['Deleted'] }, (delta) => {
  expectType<Equal<typeof delta.object.metadata.name, string>>()
  if (delta.finalStateUnknown) expectType<Equal<typeof delta.object.data, { [key: string]: string } | undefined>>()
})
on('example.com/v1/Database', { types: ['Deleted'] }, (delta) => {
  // @ts-expect-error may be missing
  delta.object.spec.user
  if (!delta.finalStateUnknown) expectType<Equal<typeof delta.object.spec.user, string>>()
})

// The previous state is there when asked for.
on('apps/v1/Deployment', { old: true }, (delta) => {
  if (delta.type === 'Updated') expectType<Equal<typeof delta.old, V1Deployment>>()
})
on('apps/v1/Deployment', { changed: ['spec.replicas'] }, (delta, { log }) => {
  expectType<Equal<typeof delta, DeltaOf<'apps/v1/Deployment', 'Updated', true>>>()
  expectType<Equal<typeof delta.changed, readonly string[]>>()
  log.info({ from: delta.old.spec?.replicas, to: delta.object.spec?.replicas }, 'scaled')
})
on('apps/v1/Deployment', { ignore: ['status', 'metadata.annotations'] }, (delta) => {
  expectType<Equal<typeof delta.type, 'Updated'>>()
  expectType<Equal<typeof delta.old, V1Deployment>>()
})
on('apps/v1/Deployment', { changed: ['spec'], types: ['Updated', 'Deleted'] }, (delta) => {
  if (delta.type === 'Updated') expectType<Equal<typeof delta.old, V1Deployment>>()
  else expectType<Equal<typeof delta.type, 'Deleted'>>()
})
on('v1/Pod', { types: ['Updated'] }, (delta) => {
  // @ts-expect-error not asked for, so perhaps not there
  delta.old.spec
})

// With a selector, gone and no longer matching look alike: the reason is there to be looked at.
on('v1/Pod', { types: ['Deleted'], labelSelector: 'app=web' }, (delta) => delta.reason.length)
on(
  'v1/Pod',
  { types: ['Deleted'], fieldSelector: 'spec.nodeName=n1' },
  (delta) => delta.reason === 'DeletedOrDeselected',
)
on('v1/Pod', { types: ['Deleted'] }, (delta) => {
  // @ts-expect-error without a selector there need be none
  delta.reason.length
})

// Paths.
on('v1/Pod', { changed: ['status.conditions[type=Ready].status', 'spec.containers[*].image'] }, () => {})
on('v1/Pod', { changed: ['metadata.labels.app', "metadata.labels['app.kubernetes.io/name']", 'metadata'] }, () => {})
on('apps/v1/Deployment', { changed: ['spec.template.spec.containers[name=web].image'] }, () => {})
on('v1/Node', { changed: ['status.conditions[type=example.com/Healthy].status'] }, () => {})
on('v1/ConfigMap', { changed: ["data['nginx.conf']"] }, () => {})
on('example.com/v1/Database', { changed: ['spec.user'], ignore: ['status.phase'] }, ({ old }) => old.spec.user)
on('example.com/v1/Widget', { changed: ['spec.x[*].y'] }, ({ old }) => old.spec.x)
on('*', { changed: ['spec.whatever'] }, ({ old }) => old.spec)
on(['v1/Pod', 'v1/Node'], { changed: ['spec', 'status.conditions[type=Ready].status'] }, (delta) => {
  if (delta.gvk === 'v1/Node') return delta.old.spec?.podCIDR
  return delta.old.spec?.nodeName
})
// A path need only lead somewhere in one of the kinds.
on(['v1/Pod', 'apps/v1/Deployment'], { changed: ['spec.replicas', 'spec.nodeName'] }, () => {})
const paths = ['spec.replicas'] as const
on('apps/v1/Deployment', { changed: paths }, () => {})

// @ts-expect-error no such field
on('apps/v1/Deployment', { changed: ['spec.replica'] }, () => {})
// @ts-expect-error no such field, far down
on('apps/v1/Deployment', { changed: ['spec.template.spec.containers[*].imag'] }, () => {})
// @ts-expect-error a scalar has no fields
on('apps/v1/Deployment', { changed: ['spec.replicas.toFixed'] }, () => {})
// @ts-expect-error no such field
on('apps/v1/Deployment', { ignore: ['statu'] }, () => {})
// @ts-expect-error in none of the kinds
on(['v1/Pod', 'v1/Node'], { changed: ['spec.replicas'] }, () => {})
// @ts-expect-error in a kind of one's own
on('example.com/v1/Database', { changed: ['spec.usr'] }, () => {})
// @ts-expect-error quoted keys are for maps
on('apps/v1/Deployment', { changed: ["spec['replica']"] }, () => {})
// @ts-expect-error unfinished
on('apps/v1/Deployment', { changed: ['spec.'] }, () => {})
// @ts-expect-error unknown condition
on('apps/v1/Deployment', { change: ['spec.replicas'] }, () => {})
// @ts-expect-error unknown type
on('apps/v1/Deployment', { types: ['Modified'] }, () => {})
// @ts-expect-error one name is a list as well
on('v1/Pod', { namespaces: 'shop' }, () => {})
// @ts-expect-error no such beginning
on('v1/Pod', { from: 'yesterday' }, () => {})
// @ts-expect-error the unit is part of the name
on('v1/Pod', { delivery: { timeout: 5 } }, () => {})

// Everything else that a filter knows.
on(
  'v1/Pod',
  {
    clusters: ['prod-*', '!prod-test'],
    clusterSelector: 'env=prod',
    namespaces: ['shop'],
    names: ['web-*'],
    from: 'existing',
    name: 'pinned',
    delivery: {
      attempts: 5,
      backoff: { initialSeconds: 1, maxSeconds: 60 },
      maxAgeSeconds: 600,
      timeoutSeconds: 10,
      concurrency: 4,
      rate: { perSecond: 10, burst: 20 },
    },
  },
  async (delta, { log, signal, attempt, deliveryId, trigger }) => {
    expectType<Equal<typeof delta.type, DeltaType>>()
    signal.throwIfAborted()
    log.warn({ attempt, deliveryId }, trigger)
    log.error('said')
  },
)

// pino's logger is a log.
const { handler } = on('v1/Pod', { types: ['Added'] }, () => {})
export const called = (delta: DeltaOf<'v1/Pod', 'Added'>, signal: AbortSignal) =>
  handler(delta, { log: pino(), signal, attempt: 1, deliveryId: 'x', trigger: 'y' })

// Of an object that only its metadata was asked of there is nothing else.
on('v1/Pod', { metadataOnly: true }, ({ object }) => {
  expectType<Equal<typeof object.metadata.name, string>>()
  // @ts-expect-error not asked for
  object.spec
})
