import type { MissingRule } from '../core/status.ts'
import type { Query } from './query.ts'

/** What would have to be allowed for a query that was forbidden; which verb it was, the API server's message tells. */
export function missingRule({ resource, namespace }: Query, message: string): MissingRule {
  const verb = /cannot (list|watch) resource/.exec(message)?.[1]
  return { verbs: verb ? [verb] : ['list', 'watch'], group: resource.group, resource: resource.resource, namespace }
}

/** `list on deployments.apps at the cluster scope` */
export function ruleText({ verbs, group, resource, namespace }: MissingRule): string {
  const where = namespace === '' ? 'at the cluster scope' : `in namespace ${namespace}`
  return `${verbs.join(' and ')} on ${resource}${group === '' ? '' : `.${group}`} ${where}`
}
