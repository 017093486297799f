/** Label and field selectors, in the syntax of the API server. */

/** One condition of a label selector; all of them must hold. */
export interface Requirement {
  readonly key: string
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | '>' | '<'
  readonly values: readonly string[]
}

// k8s.io/apimachinery/pkg/util/validation: a qualified name and a label value
const namePart = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/
const prefixPart = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

/** Reads `env=prod,tier in (web, api),!canary`. Throws a SyntaxError that says what is wrong. */
export function parseLabelSelector(text: string): readonly Requirement[] {
  if (text.trim() === '') throw new SyntaxError('an empty selector selects everything: leave it out')
  return splitOutsideParentheses(text).map(parseRequirement)
}

/** Whether labels meet every requirement; `!=` and `notin` also hold where there is no such label. */
export function matchesLabels(
  requirements: readonly Requirement[],
  labels: { readonly [label: string]: string },
): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined
    switch (operator) {
      case 'in':
        return value !== undefined && values.includes(value)
      case 'notin':
        return value === undefined || !values.includes(value)
      case 'exists':
        return value !== undefined
      case 'absent':
        return value === undefined
      case '>':
        return value !== undefined && Number(value) > Number(values[0])
      case '<':
        return value !== undefined && Number(value) < Number(values[0])
    }
    return operator satisfies never
  })
}

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/)
}

function parseRequirement(text: string): Requirement {
  const part = text.trim()
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part)
  if (set) return requirement(set[1]!, set[2] as 'in' | 'notin', set[3]!.split(','))
  const compared = /^([^=!<>]+?)\s*(==|=|!=|>|<)\s*([^=!<>]*)$/.exec(part)
  if (compared) {
    const operator = ({ '=': 'in', '==': 'in', '!=': 'notin', '>': '>', '<': '<' } as const)[compared[2]!]!
    return requirement(compared[1]!, operator, [compared[3]!])
  }
  if (part.startsWith('!')) return requirement(part.slice(1).trim(), 'absent', [])
  return requirement(part, 'exists', [])
}

function requirement(key: string, operator: Requirement['operator'], raw: readonly string[]): Requirement {
  const [name, prefix] = key.split('/').reverse()
  const prefixed = key.includes('/') && key.split('/').length === 2
  if (!namePart.test(name!) || (key.includes('/') && !(prefixed && prefixPart.test(prefix!))))
    throw new SyntaxError(
      `${JSON.stringify(key)} is no label: write label=value, label!=value, label in (a, b), label or !label, separated by commas`,
    )
  const values = raw.map((value) => value.trim())
  for (const value of values) {
    if (value !== '' && !namePart.test(value))
      throw new SyntaxError(`${JSON.stringify(value)} is no value of a label: letters, digits, and - _ . between them`)
    if ((operator === '>' || operator === '<') && !/^-?\d+$/.test(value))
      throw new SyntaxError(`${JSON.stringify(value)} after ${operator} is no whole number`)
  }
  return { key, operator, values }
}

/** Checks `spec.nodeName=n1,status.phase!=Running`; which fields there are, only the API server knows. Throws a SyntaxError. */
export function checkFieldSelector(text: string): void {
  if (text.trim() === '') throw new SyntaxError('an empty selector selects everything: leave it out')
  // In a value, a comma, an equals sign and a backslash are written with a backslash before them.
  for (const part of text.split(/(?<!\\),/))
    if (!/^\s*[A-Za-z][\w.[\]/-]*\s*(==|=|!=)(\\[\\,=]|[^\\=,])*$/.test(part))
      throw new SyntaxError(
        `${JSON.stringify(part)} is no condition: write field=value or field!=value, separated by commas`,
      )
}
