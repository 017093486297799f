import type { Access, User } from './access.ts'
import { type Fields, fieldsOf } from './object.ts'
import type { Plane } from './plane.ts'
import type { Resource } from './resources.ts'
import type { Verb } from './route.ts'
import { Refusal } from './status.ts'

/** Where `kubectl auth can-i` asks. Nothing of it is stored, and discovery does not name it. */
export const reviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'

/** As much of a resource as reading the question takes. */
export const reviews = {
  kind: 'SelfSubjectAccessReview',
  group: 'authorization.k8s.io',
  version: 'v1',
  apiVersion: 'authorization.k8s.io/v1',
  custom: false,
}

/** Whether the user may do what the review asks about. */
export function review(plane: Plane, access: Access, user: User, question: Fields): Fields {
  const { resourceAttributes } = fieldsOf(question.spec)
  const { verb = '', group = '', resource = '', subresource, namespace, name = '' } = fieldsOf(resourceAttributes)
  const served = plane.resources().find((one) => one.group === group && one.plural === resource)
  const asked = { plural: String(resource), group: String(group) } as Resource
  const route = {
    resource: served ?? asked,
    namespace: namespace ? String(namespace) : undefined,
    name: String(name),
    subresource: subresource === 'status' || subresource === 'scale' ? subresource : undefined,
  } as const
  return { ...question, status: { allowed: isAllowed(() => access.check(user, verb as Verb, route)) } }
}

function isAllowed(check: () => void): boolean {
  try {
    check()
    return true
  } catch (error) {
    if (error instanceof Refusal) return false
    throw error
  }
}
