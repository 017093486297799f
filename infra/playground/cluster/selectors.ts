import { atPath, type KubeObject } from './object.ts'
import type { Resource } from './resources.ts'
import { badRequest } from './status.ts'

export type Matches = (object: KubeObject) => boolean

/** What a request's label and field selectors let through. */
export function readSelectors(query: URLSearchParams, resource: Resource): Matches {
  const tests = [
    ...split(query.get('labelSelector') ?? '').map(labelTest),
    ...split(query.get('fieldSelector') ?? '').map((text) => fieldTest(text, resource)),
  ]
  return (object) => tests.every((matches) => matches(object))
}

/** At commas that are not inside a set. */
function split(selector: string): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

const labelKey = String.raw`([A-Za-z0-9](?:[-\w./]*[A-Za-z0-9])?)`
const labelValue = String.raw`([A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?|)`
const existence = new RegExp(`^(!?)\\s*${labelKey}$`)
const equality = new RegExp(`^${labelKey}\\s*(==|=|!=)\\s*${labelValue}$`)
const order = new RegExp(`^${labelKey}\\s*([<>])\\s*(-?\\d+)$`)
const set = new RegExp(`^${labelKey}\\s+(in|notin)\\s*\\(([^()]*)\\)$`)

function labelTest(text: string): Matches {
  const labelOf = (object: KubeObject, key = '') => object.metadata.labels?.[key]
  const exists = existence.exec(text)
  if (exists) return (object) => (labelOf(object, exists[2]) !== undefined) === (exists[1] === '')
  const equals = equality.exec(text)
  if (equals) {
    const [, key, operator, value] = equals
    return (object) => (labelOf(object, key) === value) === (operator !== '!=')
  }
  const ordered = order.exec(text)
  if (ordered) {
    const [, key, operator, bound] = ordered
    return (object) => {
      const value = Number(labelOf(object, key))
      return operator === '<' ? value < Number(bound) : value > Number(bound)
    }
  }
  const member = set.exec(text)
  if (member) {
    const [, key, operator, list = ''] = member
    const values = new Set<string | undefined>(list.split(',').map((value) => value.trim()))
    return (object) => values.has(labelOf(object, key)) === (operator === 'in')
  }
  throw badRequest(`unable to parse requirement: ${JSON.stringify(text)} is no label requirement`)
}

function fieldTest(text: string, resource: Resource): Matches {
  const [, path = '', operator, value] = /^(.+?)(==|=|!=)(.*)$/.exec(text) ?? []
  if (operator === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`)
  const common = ['metadata.name', ...(resource.namespaced || !resource.custom ? ['metadata.namespace'] : [])]
  if (![...common, ...resource.selectable].includes(path)) {
    throw badRequest(
      resource.custom || resource.selectable.length > 0
        ? `field label not supported: ${path}`
        : `"${path}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
    )
  }
  return (object) => (String(atPath(object, path) ?? '') === value) === (operator !== '!=')
}
