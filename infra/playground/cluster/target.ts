import type { KubeObject } from './object.ts'
import type { Plane } from './plane.ts'
import type { Resource } from './resources.ts'
import { notFound } from './status.ts'
import { keyFor } from './store.ts'

/** What is written to, and by whom. */
export interface Target {
  readonly plane: Plane
  readonly resource: Resource
  readonly namespace: string | undefined
  /** Empty for a creation. */
  readonly name: string
  readonly manager: string
  readonly subresource?: 'status' | 'scale'
  /** Answered as if, and nothing is written. */
  readonly dryRun: boolean
}

export function current({ plane, resource, namespace, name }: Target): KubeObject {
  const object = plane.collection(resource).get(keyFor(namespace, name))
  if (!object) throw notFound(resource, name)
  return object
}
