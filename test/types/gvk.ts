// Which kinds `on` takes and what object they give. Compiled, never run.
import { type AnyDelta, type AnyObject, type DeltaFunction, type DeltaOf, type ObjectOf, on } from 'deltabridge'
import type { Metadata, V1Deployment, V1Pod } from 'deltabridge/kinds'
import { type Equal, expectType } from './expect.ts'

declare module 'deltabridge/kinds' {
  interface Kinds {
    'example.com/v1/Database': { spec: { user: string; replicas?: number }; status?: { phase: string } }
    'resource.k8s.io/v9/Brand': { spec: { fresh: true } }
  }
}

// A built-in kind is its generated interface: that is also what a hover shows.
expectType<Equal<ObjectOf<'apps/v1/Deployment'>, V1Deployment>>()
expectType<Equal<ObjectOf<'v1/Pod'>, V1Pod>>()
expectType<Equal<ObjectOf<'*'>, AnyObject>>()
expectType<Equal<ObjectOf<'apps/*'>, AnyObject>>()

on('apps/v1/Deployment', (delta) => {
  expectType<Equal<typeof delta.gvk, 'apps/v1/Deployment'>>()
  expectType<Equal<typeof delta.object.kind, 'Deployment'>>()
  expectType<Equal<typeof delta.object.apiVersion, 'apps/v1'>>()
  expectType<Equal<typeof delta.object.metadata, Metadata>>()
  expectType<Equal<typeof delta.object.metadata.uid, string>>()
  expectType<Equal<typeof delta.object.metadata.creationTimestamp, string | undefined>>()
})

// As on the wire: `from`, not `_from`; a time is a string; a template has no uid for certain.
on('networking.k8s.io/v1/NetworkPolicy', ({ object }) => object.spec?.ingress?.[0]?.from?.[0]?.namespaceSelector)
on('coordination.k8s.io/v1/Lease', ({ object }) => object.spec?.renewTime?.slice(0, 10))
on('apiextensions.k8s.io/v1/CustomResourceDefinition', ({ object }) => {
  return object.spec?.versions[0]?.schema?.openAPIV3Schema?.properties?.spec?.['x-kubernetes-int-or-string']
})
on('apps/v1/StatefulSet', { types: ['Added'] }, ({ object }) => {
  expectType<Equal<NonNullable<typeof object.spec>['replicas'], number | undefined>>()
  const claim = object.spec?.volumeClaimTemplates?.[0]
  // @ts-expect-error a template was never stored: it may have no metadata
  claim?.metadata.uid
})
on('v1/Pod', ({ object }) => {
  // @ts-expect-error managed fields never reach a delta
  object.metadata.managedFields
})

// Several kinds: `gvk` tells them apart.
on(['apps/v1/Deployment', 'apps/v1/StatefulSet'], { types: ['Added', 'Updated'] }, (delta) => {
  if (delta.gvk === 'apps/v1/StatefulSet') expectType<Equal<typeof delta.object.kind, 'StatefulSet'>>()
  else expectType<Equal<typeof delta.object, V1Deployment>>()
})

// Kinds of one's own, declared and undeclared.
on('example.com/v1/Database', { types: ['Added'] }, ({ object }) => {
  expectType<Equal<typeof object.spec.user, string>>()
  expectType<Equal<typeof object.kind, 'Database'>>()
  expectType<Equal<typeof object.metadata.name, string>>()
})
on('resource.k8s.io/v9/Brand', { types: ['Added'] }, ({ object }) => object.spec.fresh)
on('example.com/v1/Widget', { types: ['Added'] }, ({ object }) => {
  expectType<Equal<typeof object.metadata.name, string>>()
  expectType<Equal<typeof object.kind, 'Widget'>>()
  return object.spec.anything.goes
})
on('metrics.k8s.io/v1beta1/PodMetrics', ({ object }) => object.containers)

// Many kinds at once.
on('*', { types: ['Deleted'] }, (delta) => {
  expectType<Equal<typeof delta.gvk, string>>()
  return delta.object.kind
})
on(['apps/*', 'v1/*'], ({ object }) => object.spec)
on(['batch/*', 'v1/Pod'], (delta) => delta.object.metadata.labels)

// Kinds only known at run time.
const fromElsewhere: string[] = ['v1/Pod']
on(fromElsewhere, ({ object }) => object.spec)

// @ts-expect-error a typo in a built-in group: apps/v1/Deployment is offered
on('apps/v1/Deploymnt', () => {})
// @ts-expect-error a typo in the core group
on('v1/Pood', () => {})
// @ts-expect-error a version that the group does not have
on('apps/v1beta1/Deployment', () => {})
// @ts-expect-error not a gvk
on('Deployment', () => {})
// @ts-expect-error the group's dots are missing
on('networking/v1/NetworkPolicy', () => {})
// @ts-expect-error one of the list is wrong
on(['v1/Pod', 'apps/v1/Deploymnt'], () => {})

// Every typed delta is one that the bridge handles, every function is a DeltaFunction.
export const generalised = (
  delta: DeltaOf<'v1/Pod', 'Updated', true> | DeltaOf<'v1/Secret'> | DeltaOf<'*'>,
): AnyDelta => delta
export const functions: DeltaFunction[] = [on('v1/Pod', () => {}), on('*', { old: true }, () => {})]
