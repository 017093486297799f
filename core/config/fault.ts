import { z } from 'zod'
import { didYouMean } from './did-you-mean.ts'

/** One thing that is wrong in a configuration: where, and what to change. */
export interface Fault {
  /** As in `triggers.audit.changed[0]`; '' for the whole. */
  readonly path: string
  readonly message: string
  /** It stands in the environment or on the command line, and `path` names which. */
  readonly outsideFile?: true
}

/** A configuration that cannot be used, with every fault in it. */
export class BadConfig extends Error {
  override readonly name = 'BadConfig'
  readonly file: string | undefined
  readonly faults: readonly Fault[]

  constructor(file: string | undefined, faults: readonly Fault[]) {
    const line = ({ path, message, outsideFile }: Fault) =>
      [outsideFile ? '' : file, path, message].filter(Boolean).join(': ')
    super(faults.map(line).join('\n'))
    this.file = file
    this.faults = faults
  }
}

/** An object of exactly these keys; one that is not among them is a fault that offers the nearest. */
export function keyed<const Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    // One line per key, taken apart by `faultsOf`: zod has one issue for all of them.
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => `unknown key${didYouMean(key, Object.keys(shape))}: remove it`).join('\n')
        : undefined,
  })
}

/** A key whose name and meaning are decided, and which this release does not know how to honour. */
export function notYet() {
  return z
    .never({ error: 'is not supported yet: remove it' })
    .optional()
    .meta({ description: 'Not supported yet: refused.' })
}

/** Text that must be readable by `parse`, which throws an error that says what is wrong. */
export function readableBy(parse: (text: string) => unknown) {
  return z.string().check((context) => {
    try {
      parse(context.value)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      context.issues.push({ code: 'custom', message, input: context.value })
    }
  })
}

export type Checked<T> = { readonly value: T } | { readonly faults: readonly Fault[] }

export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): Checked<z.output<Schema>> {
  const result = schema.safeParse(value, { error: messageOf })
  if (result.success) return { value: result.data }
  return { faults: result.error.issues.flatMap((issue) => faultsOf(issue, [])) }
}

type Issue = z.core.$ZodIssue

function faultsOf(issue: Issue, above: readonly PropertyKey[]): Fault[] {
  const path = [...above, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, i) => ({ path: formatPath([...path, key]), message: messages[i]! }))
  }
  if (issue.code === 'invalid_key')
    return issue.issues.map((inner) => ({ path: formatPath(path), message: inner.message }))
  if (issue.code === 'invalid_union') {
    // The branch that the value was meant for is the one whose own type fits.
    const meant = issue.errors.find(
      (branch) => !branch.some(({ code, path }) => code === 'invalid_type' && !path.length),
    )
    if (meant) return meant.flatMap((inner) => faultsOf(inner, path))
  }
  return [{ path: formatPath(path), message: issue.message }]
}

export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    const key = String(step)
    if (!/^[\w$-]+$/.test(key)) return `${text}['${key.replaceAll(/['\\]/g, '\\$&')}']`
    return text === '' ? key : `${text}.${key}`
  }, '')
}

/** What zod found, in the words of somebody who edits a file. The value itself is not repeated: it may be a secret. */
function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type': {
      const expected = typeNames[issue.expected] ?? issue.expected
      if (issue.input === undefined) return `is missing: add ${expected}`
      const quotes = issue.expected === 'string' && Object(issue.input) !== issue.input && issue.input !== null
      const fraction = issue.expected === 'int' && typeof issue.input === 'number'
      const found = fraction ? 'a fraction' : (typeNames[typeOf(issue.input)] ?? typeOf(issue.input))
      return `must be ${expected}, not ${found}${quotes ? ': put it in quotes' : ''}`
    }
    case 'invalid_value': {
      const words = issue.values.map(String)
      const near = typeof issue.input === 'string' ? didYouMean(issue.input, words) : ''
      return `must be ${words.length > 1 ? 'one of ' : ''}${words.join(', ')}${near}`
    }
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return 'must not be empty'
      return `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`
    case 'too_big':
      return `must be at most ${issue.maximum}`
    default:
      return undefined
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of names to values',
  null: 'nothing',
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
