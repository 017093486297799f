import { type Fault, formatPath } from './fault.ts'

export interface Substituted {
  readonly value: unknown
  readonly faults: readonly Fault[]
  /** The strings that are a variable and nothing else: where the file wants a number or true, they may be one. */
  readonly whole: readonly { readonly path: string; write(value: number | boolean): void; readonly text: string }[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** Replaces `${NAME}` and `${NAME:-default}` in every string; `$${` is a literal `${`. */
export function substitute(value: unknown, env: Environment): Substituted {
  const faults: Fault[] = []
  const whole: Substituted['whole'][number][] = []

  function visit(node: unknown, path: readonly PropertyKey[], write: (value: number | boolean) => void): unknown {
    if (typeof node === 'string') {
      const fail = (message: string) => void faults.push({ path: formatPath(path), message })
      const text = expand(node, env, fail)
      if (/^\$\{[^}]*\}$/.test(node)) whole.push({ path: formatPath(path), text, write })
      return text
    }
    if (Array.isArray(node)) {
      const items: unknown[] = []
      node.forEach((item, i) => {
        items[i] = visit(item, [...path, i], (value) => {
          items[i] = value
        })
      })
      return items
    }
    if (typeof node !== 'object' || node === null) return node
    const fields: Record<string, unknown> = {}
    for (const [key, field] of Object.entries(node)) {
      fields[key] = visit(field, [...path, key], (value) => {
        fields[key] = value
      })
    }
    return fields
  }

  return { value: visit(value, [], () => {}), faults, whole }
}

function expand(text: string, env: Environment, fail: (message: string) => void): string {
  return text.replaceAll(/\$\$\{|\$\{([^}]*)(\}?)/g, (found, inside?: string, end?: string) => {
    if (inside === undefined) return '${'
    const [, name, fallback] = /^([A-Za-z_]\w*)(?::-(.*))?$/s.exec(inside) ?? []
    if (end === '' || name === undefined) {
      fail(`${JSON.stringify(found)} is no variable: write \${NAME} or \${NAME:-default}, and $\${ for a literal \${`)
      return found
    }
    // as in a shell: the default also stands in for a variable that is empty
    const value = fallback === undefined ? env[name] : env[name] || fallback
    if (value === undefined)
      fail(`the environment variable ${name} is not set: set it, or give a default with \${${name}:-…}`)
    return value ?? found
  })
}
