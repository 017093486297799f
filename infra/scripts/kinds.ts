/**
 * Writes core/kinds/generated: the built-in kinds as flat interfaces, as they are on the wire, from the models and
 * list endpoints of @kubernetes/client-node. So function authors get types without depending on that library.
 *
 *   node infra/scripts/kinds.ts            writes
 *   node infra/scripts/kinds.ts --check    exits 1 when what is committed differs
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const library = new URL('../../node_modules/@kubernetes/client-node/dist/gen/', import.meta.url)
const output = new URL('../../core/kinds/generated/', import.meta.url)

/** Served with list alone: its watch answers 405. */
const unwatchable = new Set(['v1/ComponentStatus'])

interface Field {
  name: string
  type: string
  optional: boolean
  doc: string
}
interface Model {
  doc: string
  fields: Field[]
}
/** The file of a model, if the name is one. */
type FileOf = (model: string) => string | undefined
interface Kind {
  gvk: string
  apiVersion: string
  kind: string
  group: string
  model: string
}

/** gvk by list endpoint: the path tells group and version, the answer's items tell the model. Model names alone do not follow the gvk. */
function readKinds(): Kind[] {
  const kinds: Kind[] = []
  // Files of APIs that Kubernetes has dropped lie about in the package; its own index knows the living.
  const living = new Set([...declaration('all').matchAll(/models\/(\w+)\.js/g)].map(([, model]) => model))
  for (const file of readdirSync(new URL('apis/', library)).sort()) {
    if (!/V\d\w*Api\.js$/.test(file)) continue
    const source = readFileSync(new URL(`apis/${file}`, library), 'utf8')
    const [, group = '', version = ''] =
      /localVarPath = '\/apis?\/(?:([^/']+\.[^/']+|[a-z]+)\/)?(v\d\w*)\//.exec(source) ?? []
    const watchable = [...source.matchAll(/async (list\w+)\(([^)]*)\)/g)].filter((match) =>
      /\bwatch\b/.test(match[2] ?? ''),
    )
    const lists = new Set(watchable.map(([, method]) => listModel(source, method ?? '')))
    for (const list of [...lists].filter((list) => living.has(list)).sort()) {
      const model = /'items': Array<(\w+)>/.exec(declaration(list))?.[1]
      if (!model) throw new Error(`${list}: no items`)
      const prefix = `V${version.slice(1)}`
      const kind = model.slice(model.indexOf(prefix) + prefix.length)
      const apiVersion = group === '' ? version : `${group}/${version}`
      const gvk = `${apiVersion}/${kind}`
      if (!unwatchable.has(gvk)) kinds.push({ gvk, apiVersion, kind, group: group || 'core', model })
    }
  }
  return kinds.sort((a, b) => (a.gvk < b.gvk ? -1 : 1))
}

/** What the endpoint answers, from the part of the source that decodes it. */
function listModel(source: string, method: string): string {
  const decoder = source.slice(source.indexOf(`async ${method}WithHttpInfo(`))
  const list = /ObjectSerializer\.deserialize\([^;]*?"(\w+List)"/.exec(decoder)?.[1]
  if (!list) throw new Error(`${method}: no list in its answer`)
  return list
}

function declaration(model: string): string {
  return readFileSync(new URL(`models/${model}.d.ts`, library), 'utf8')
}

/** The declaration tells docs and what is optional, the attribute map tells types in one line and the names on the wire. */
function readModel(name: string): Model {
  const text = declaration(name)
  const head = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport declare class/.exec(text)?.[1] ?? ''
  const docs = new Map<string, { optional: boolean; doc: string }>()
  for (const [, doc, field = '', optional] of text.matchAll(
    /(?: {4}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)? {4}'(\w+)'(\??):/g,
  ))
    docs.set(field, { optional: optional === '?', doc: prose(doc ?? '') })
  const code = readFileSync(new URL(`models/${name}.js`, library), 'utf8')
  const map = /attributeTypeMap = (\[[\s\S]*?\n\]);/.exec(code)?.[1] ?? '[]'
  const attributes = JSON.parse(map) as { name: string; baseName: string; type: string }[]
  const fields = attributes.map((attribute): Field => {
    const found = docs.get(attribute.name)
    if (!found) throw new Error(`${name}.${attribute.name} is not declared`)
    return { name: attribute.baseName, type: wireType(attribute.type), ...found }
  })
  return { doc: prose(head), fields }
}

function prose(comment: string): string {
  return comment
    .replaceAll(/\n\s*\* ?/g, ' ')
    .replaceAll(/\\(['"])/g, '$1')
    .replaceAll('*/', '*\\/')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

/** Times and bytes are strings in JSON. */
function wireType(type: string): string {
  return type
    .replaceAll(/\b(?:Date|V1MicroTime)\b/g, 'string')
    .replaceAll(/\bIntOrString\b/g, 'number | string')
    .replaceAll(/Array<((?:[^<>]|<[^<>]*>)+)>/g, (_, item: string) =>
      /\W/.test(item) ? `Array<${item}>` : `${item}[]`,
    )
    .replace(/; }$/, ' }')
}

function modelsIn(type: string): string[] {
  return type.match(/\b\w*V\d\w*\b/g) ?? []
}

function generate(): Map<string, string> {
  const kinds = readKinds()
  const roots = new Map(kinds.map((kind) => [kind.model, kind]))
  const models = new Map<string, Model>()
  /** Model -> the groups whose kinds contain it. */
  const groups = new Map<string, Set<string>>()
  const embedded = new Set<string>()
  const visit = (name: string, group: string) => {
    const seen = groups.get(name) ?? new Set()
    groups.set(name, seen)
    if (seen.has(group)) return
    seen.add(group)
    const model = models.get(name) ?? readModel(name)
    models.set(name, model)
    // Who wrote last is told by delta.managers; the managed fields themselves never reach a delta.
    if (name === 'V1ObjectMeta') model.fields = model.fields.filter((field) => field.name !== 'managedFields')
    for (const field of model.fields) {
      // The metadata of a stored object is ours, see metadata.ts.
      if (roots.has(name) && field.name === 'metadata' && !embedded.has(name)) continue
      for (const inner of modelsIn(field.type)) {
        if (roots.has(inner)) embedded.add(inner)
        visit(inner, group)
      }
    }
  }
  for (const kind of kinds) visit(kind.model, kind.group)
  for (const name of embedded) visit('V1ObjectMeta', roots.get(name)?.group ?? '')

  // What several groups share stands with the core kinds, where nearly all of it comes from.
  const fileOf = (name: string) => {
    const [group, ...others] = groups.get(name.replace(/^Embedded/, '')) ?? []
    return group === undefined || others.length === 0 ? group?.replace(/\.k8s\.io$/, '') : 'core'
  }
  const files = new Map<string, string[]>()
  for (const name of [...models.keys()].sort()) {
    const file = fileOf(name) ?? 'core'
    const model = models.get(name) as Model
    const parts = files.get(file) ?? []
    files.set(file, parts)
    const root = roots.get(name)
    if (root) parts.push(print(name, rootFields(model, root), model.doc, embedded))
    if (!root) parts.push(print(name, model.fields, model.doc, embedded))
    if (root && embedded.has(name))
      parts.push(print(`Embedded${name}`, model.fields, `${model.doc} (Inside another object.)`, embedded))
  }

  const version = /OpenAPI spec version: (?:release-)?([\w.-]+)/.exec(declaration('V1Pod'))?.[1]
  const header = `// Generated by infra/scripts/kinds.ts from the models of @kubernetes/client-node (Kubernetes ${version}). Do not edit.\n`
  const result = new Map<string, string>()
  for (const [file, parts] of files)
    result.set(`${file}.ts`, `${header}${imports(file, parts, fileOf)}\n${parts.join('\n')}`)
  result.set('kinds.ts', header + kindsFile(kinds, [...files.keys()].sort(), fileOf))
  return result
}

function rootFields(model: Model, root: Kind): Field[] {
  const sure: { [field: string]: string } = {
    apiVersion: `'${root.apiVersion}'`,
    kind: `'${root.kind}'`,
    metadata: 'Metadata',
  }
  return model.fields.map((field) => {
    const type = sure[field.name]
    return type === undefined ? field : { name: field.name, type, optional: false, doc: '' }
  })
}

function print(name: string, fields: Field[], doc: string, embedded: Set<string>): string {
  const lines = fields.map((field) => {
    const key = /^\w+$/.test(field.name) ? field.name : `'${field.name}'`
    const type = field.type.replaceAll(/\b\w+\b/g, (word) => (embedded.has(word) ? `Embedded${word}` : word))
    return `${field.doc ? `  /** ${field.doc} */\n` : ''}  ${key}${field.optional ? '?' : ''}: ${type}\n`
  })
  return `${doc ? `/** ${doc} */\n` : ''}export interface ${name} {\n${lines.join('')}}\n`
}

function imports(file: string, parts: string[], fileOf: FileOf): string {
  const code = parts.join('').replaceAll(/\/\*\*.*?\*\//g, '')
  const wanted = new Map<string, Set<string>>()
  if (/: Metadata\b/.test(code)) wanted.set('../metadata.ts', new Set(['Metadata']))
  for (const name of modelsIn(code)) {
    const from = fileOf(name)
    if (from !== undefined && from !== file)
      wanted.set(`./${from}.ts`, (wanted.get(`./${from}.ts`) ?? new Set()).add(name))
  }
  return [...wanted.keys()]
    .sort()
    .map((from) => `import type { ${[...(wanted.get(from) ?? [])].sort().join(', ')} } from '${from}'\n`)
    .join('')
}

function kindsFile(kinds: Kind[], files: string[], fileOf: FileOf): string {
  const entries = kinds.map(({ gvk, model }) => `  '${gvk}': ${model}\n`).join('')
  const body = `/** Every built-in kind that can be listed and watched. */\nexport interface BuiltInKinds {\n${entries}}\n`
  const reexports = files.map((file) => `export type * from './${file}.ts'\n`).join('')
  return `${imports('kinds', [body], fileOf)}\n${reexports}\n${body}`
}

const files = generate()
const present = (() => {
  try {
    return readdirSync(output)
  } catch {
    return []
  }
})()
if (process.argv.includes('--check')) {
  const stale = present.filter((file) => !files.has(file))
  for (const [file, text] of files)
    if (!present.includes(file) || readFileSync(new URL(file, output), 'utf8') !== text) stale.push(file)
  if (stale.length > 0)
    console.error(`core/kinds/generated differs: ${stale.sort().join(', ')}. Run: node infra/scripts/kinds.ts`)
  process.exitCode = stale.length > 0 ? 1 : 0
} else {
  mkdirSync(output, { recursive: true })
  for (const file of present) if (!files.has(file)) rmSync(new URL(file, output))
  for (const [file, text] of files) writeFileSync(new URL(file, output), text)
  console.log(`${files.size} files written to core/kinds/generated`)
}
