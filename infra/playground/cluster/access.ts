import type { Route, Verb } from './route.ts'
import { forbidden } from './status.ts'

export interface User {
  readonly name: string
  /** Never forbidden anything. */
  readonly isAdministrator: boolean
}

/** What is forbidden; what is left out stands for all of them. */
export interface Rule {
  readonly verb?: string
  /** Plural, with its subresource after a slash: `deployments`, `deployments/scale`. */
  readonly resource?: string
}

/** Everybody may do everything until a rule forbids it. */
export class Access {
  #rules: Rule[] = []

  forbid(rule: Rule): void {
    this.#rules.push(rule)
  }

  allow(): void {
    this.#rules = []
  }

  check(user: User, verb: Verb, { resource, namespace, name, subresource }: Route): void {
    const { plural, group } = resource
    const wanted = subresource === undefined ? plural : `${plural}/${subresource}`
    const isForbidden = this.#rules.some(
      (rule) =>
        (rule.verb ?? verb) === verb &&
        (rule.resource === undefined || rule.resource === plural || rule.resource === wanted),
    )
    if (user.isAdministrator || !isForbidden) return
    const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
    throw forbidden(
      resource,
      name,
      `User "${user.name}" cannot ${verb} resource "${wanted}" in API group "${group}" ${where}`,
    )
  }
}
