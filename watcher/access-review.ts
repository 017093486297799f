import type { MissingRule } from '../core/status.ts'
import type { Connection } from './connection.ts'
import type { Query } from './query.ts'

const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
const verbs = ['list', 'watch'] as const

/** Asks the API server whether the query may be listed and watched, as `kubectl auth can-i` does; undefined: it may. */
export async function reviewAccess(
  api: Pick<Connection, 'post'>,
  { resource: { group, resource }, namespace }: Query,
  signal: AbortSignal,
): Promise<MissingRule | undefined> {
  const allowed = await Promise.all(
    verbs.map(async (verb) => {
      const spec = { resourceAttributes: { verb, group, resource, namespace } }
      const question = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec }
      return JSON.parse((await api.post(path, question, signal)).toString('utf8')).status?.allowed === true
    }),
  )
  const missing = verbs.filter((_, i) => !allowed[i])
  return missing.length === 0 ? undefined : { verbs: missing, group, resource, namespace }
}
