/**
 * What differs between two states of an object, and whether it is what a trigger looks at.
 * Everything here is pure and works on objects as they are on the wire: JSON.
 */

/** `spec.containers[*].image` taken apart. */
export type Path = readonly Step[]

export type Step =
  | { readonly key: string }
  /** `[*]`: each element of an array. */
  | { readonly each: true }
  /** `[type=Ready]`: the elements whose field has that value. */
  | { readonly field: string; readonly value: string }

/** Differ on every write, or say nothing that the object does not say elsewhere: they never count as a change. */
const neverCounted = ['metadata.resourceVersion', 'metadata.generation', 'metadata.managedFields']
const neverCountedPaths = neverCounted.map(parsePath)

const maxChangedPaths = 100

/** Reads `spec.replicas`, `status.conditions[type=Ready].status`, `spec.containers[*].image`, `metadata.labels['app.kubernetes.io/name']`. */
export function parsePath(text: string): Path {
  const path: Step[] = []
  let at = 0
  const fail = (why: string): never => {
    throw new SyntaxError(`${why} at position ${at + 1} of path ${JSON.stringify(text)}`)
  }
  while (at < text.length || path.length === 0) {
    if (text[at] === '[') {
      const [whole, quoted, selector] = /^\[(?:'((?:[^'\\]|\\.)*)'|([^\]']*))\]/s.exec(text.slice(at)) ?? []
      if (whole === undefined) fail("Unclosed [ (a key is written ['key'])")
      path.push(
        quoted === undefined ? parseSelector(selector ?? '', fail) : { key: quoted.replaceAll(/\\(.)/gs, '$1') },
      )
      at += whole?.length ?? 0
    } else {
      if (path.length > 0) {
        if (text[at] !== '.') fail(`Expected . or [ but found ${text[at]}`)
        at++
      }
      const key = /^[^.[\]'"\s]*/.exec(text.slice(at))?.[0] ?? ''
      if (key === '') fail(at === text.length ? 'Expected a field' : `Expected a field but found ${text[at]}`)
      path.push({ key })
      at += key.length
    }
  }
  return path
}

function parseSelector(selector: string, fail: (why: string) => never): Step {
  if (selector === '*') return { each: true }
  const [, field, value] = /^([^=\s]+)=(.+)$/s.exec(selector) ?? []
  if (field !== undefined && value !== undefined) return { field, value }
  if (/^\d+$/.test(selector)) return fail('An index is no lasting identity, write [*] or [field=value]: found one')
  return fail("Expected [*], [field=value] or ['key']")
}

/** The values at a path: none, one, or with `[*]` and `[field=value]` several. A key on an array means each of its elements. */
export function valuesAt(object: unknown, path: Path): unknown[] {
  let values: unknown[] = [object]
  for (const step of path) values = values.flatMap((value) => take(value, step))
  return values
}

function take(value: unknown, step: Step): unknown[] {
  if (Array.isArray(value))
    return 'key' in step ? value.flatMap((item) => take(item, step)) : value.filter(selects(step))
  if (!('key' in step) || !isObject(value)) return []
  const next = own(value, step.key)
  return next === undefined ? [] : [next]
}

function selects(step: Exclude<Step, { key: string }>): (item: unknown) => boolean {
  return 'each' in step
    ? () => true
    : (item) => isObject(item) && isScalar(own(item, step.field)) && String(own(item, step.field)) === step.value
}

/** Whether something at or under one of the paths differs. Absent and present differ; the order of keys does not matter. */
export function touches(old: unknown, next: unknown, paths: readonly Path[]): boolean {
  return paths.some((path) => {
    const inside = neverCountedPaths.map((never) => below(never, path))
    if (inside.some((rest) => rest?.length === 0)) return false
    const except = inside.filter((rest) => rest !== undefined)
    const before = valuesAt(old, path)
    const after = valuesAt(next, path)
    const longer = before.length > after.length ? before : after
    return longer.some((_, i) => differs(before[i], after[i], except))
  })
}

/** What is left of `path` below `start`: nothing when `start` is that path or under it, undefined when they part. */
function below(path: Path, start: Path): Path | undefined {
  const same = path.every((step, i) => start[i] === undefined || JSON.stringify(start[i]) === JSON.stringify(step))
  return same ? path.slice(start.length) : undefined
}

/** Whether something differs that is not at or under one of the ignored paths. */
export function changesOutside(old: unknown, next: unknown, ignored: readonly Path[]): boolean {
  return differs(old, next, [...neverCountedPaths, ...ignored])
}

/** Whether two values differ anywhere but at these paths. An object that appears with nothing but excepted fields in it is no difference. */
function differs(a: unknown, b: unknown, except: readonly Path[]): boolean {
  if (except.length === 0) return !equal(a, b)
  if (except.some((path) => path.length === 0)) return false
  if (Array.isArray(a ?? b) && Array.isArray(b ?? a)) return arraysDiffer(a, b, except)
  if (!isObject(a ?? b) || !isObject(b ?? a)) return !equal(a, b)
  const keys = keysOf(a, b)
  if (keys.length === 0) return !equal(a, b)
  return keys.some((key) => {
    const rest = except.flatMap(([step, ...rest]) => (step && 'key' in step && step.key === key ? [rest] : []))
    return differs(own(a, key), own(b, key), rest)
  })
}

/** An element that a path names as a whole does not count at all, so that it may come and go. */
function arraysDiffer(a: unknown, b: unknown, except: readonly Path[]): boolean {
  const named = (item: unknown) => except.some((path) => inside(path, item)?.length === 0)
  const [before, after] = [a, b].map((items) => (Array.isArray(items) ? items.filter((item) => !named(item)) : []))
  if (before?.length !== after?.length) return true
  const appeared = !Array.isArray(a) || !Array.isArray(b)
  if (appeared && before?.length === 0) return equal(a ?? b, [])
  return !!before?.some((item, i) => {
    const rest = except.flatMap((path) => (inside(path, after?.[i]) ? [inside(path, item)] : []))
    return differs(
      item,
      after?.[i],
      rest.filter((path) => path !== undefined),
    )
  })
}

/** What is left of a path inside an element of an array, if it selects that element. A key applies to each element. */
function inside(path: Path, item: unknown): Path | undefined {
  const [step, ...rest] = path
  if (!step || 'key' in step) return path
  return selects(step)(item) ? rest : undefined
}

/** The paths of the leaves that differ, sorted by key, at most 100. An array is a leaf: compared and named as a whole. */
export function changedPaths(old: unknown, next: unknown): string[] {
  const found: string[] = []
  collect(old, next, '', found)
  return found
}

function collect(old: unknown, next: unknown, path: string, found: string[]): void {
  if (found.length === maxChangedPaths || neverCounted.includes(path)) return
  // What appears or vanishes is told by its leaves, an empty object by itself.
  const keys = isObject(old ?? next) && isObject(next ?? old) ? keysOf(old, next) : []
  for (const key of keys) collect(own(old, key), own(next, key), join(path, key), found)
  if (keys.length === 0 && !equal(old, next)) found.push(path)
}

function keysOf(a: unknown, b: unknown): string[] {
  return [...new Set([a, b].flatMap((value) => (isObject(value) ? Object.keys(value) : [])))].sort()
}

function join(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}['${key.replaceAll(/['\\]/g, '\\$&')}']`
  return path === '' ? key : `${path}.${key}`
}

/** Deep equality of JSON; a field that is undefined is absent. */
function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]))
  if (!isObject(a) || !isObject(b)) return false
  for (const key of Object.keys(a)) if (!equal(a[key], own(b, key))) return false
  for (const key of Object.keys(b)) if (b[key] !== undefined && own(a, key) === undefined) return false
  return true
}

type Fields = { readonly [key: string]: unknown }

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isScalar(value: unknown): boolean {
  return value !== undefined && (typeof value !== 'object' || value === null)
}

/** A field of the object itself: `constructor` and `__proto__` are ordinary keys here. */
function own(object: unknown, key: string): unknown {
  return isObject(object) && Object.hasOwn(object, key) ? object[key] : undefined
}
