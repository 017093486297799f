import { atPath, type Fields, fieldsOf, type KubeObject, mergePatch, withPath } from './object.ts'
import type { Resource, ScalePaths } from './resources.ts'
import { badRequest } from './status.ts'
import { current, type Target } from './target.ts'
import { update } from './write.ts'

/** The replicas of an object in the one shape that `kubectl scale` and autoscalers know. */
export function readScale(resource: Resource, object: KubeObject): Fields {
  const paths = resource.scale as ScalePaths
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const selector = selectorOf(paths, object)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: Number(atPath(object, paths.specReplicasPath) ?? 0) },
    status: { replicas: Number(atPath(object, paths.statusReplicasPath) ?? 0), ...(selector && { selector }) },
  }
}

export function updateScale(target: Target, scale: Fields): Fields {
  const object = current(target)
  const replicas = fieldsOf(scale.spec).replicas ?? 0
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) {
    throw badRequest(`spec.replicas must be a whole number that is not negative, not ${JSON.stringify(replicas)}`)
  }
  const paths = target.resource.scale as ScalePaths
  const { resourceVersion = object.metadata.resourceVersion } = fieldsOf(scale.metadata)
  const scaled = withPath(
    { ...object, metadata: { ...object.metadata, resourceVersion } },
    paths.specReplicasPath,
    replicas,
  )
  return readScale(target.resource, update(target, scaled))
}

export function patchScale(target: Target, change: Fields): Fields {
  return updateScale(target, fieldsOf(mergePatch(readScale(target.resource, current(target)), change)))
}

function selectorOf({ labelSelectorPath }: ScalePaths, object: KubeObject): string {
  if (labelSelectorPath !== undefined) return String(atPath(object, labelSelectorPath) ?? '')
  return Object.entries(fieldsOf(atPath(object, 'spec.selector.matchLabels')))
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}
