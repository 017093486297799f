import { isDeepStrictEqual } from 'node:util'
import { type Fields, fieldsOf, isFields, type ManagedFields, timestamp } from './object.ts'

interface Writer {
  readonly manager: string
  readonly apiVersion: string
  readonly subresource?: string
}

/**
 * Who wrote which field last. Coarser than the real server: a list is one field, as it is where a schema calls it
 * atomic, and what a merge changed belongs to its writer alone.
 */
export function managedBy(
  writer: Writer,
  before: Fields | undefined,
  after: Fields,
): readonly ManagedFields[] | undefined {
  const now = leaves(after)
  const old = before ? leaves(before) : new Map<string, unknown>()
  const written = [...now].filter(([path, value]) => !old.has(path) || !isDeepStrictEqual(old.get(path), value))
  const changed = new Set(written.map(([path]) => path))
  const entries = (fieldsOf(before?.metadata).managedFields ?? []) as ManagedFields[]
  const isOwn = (entry: ManagedFields) => entry.manager === writer.manager && entry.subresource === writer.subresource
  const others = entries
    .filter((entry) => !isOwn(entry))
    .map((entry) => ({ entry, paths: pathsOf(entry).filter((path) => now.has(path) && !changed.has(path)) }))
    .filter(({ paths }) => paths.length > 0)
    .map(({ entry, paths }) => ({ ...entry, fieldsV1: treeOf(paths) }))
  const own = entries.filter(isOwn).flatMap((entry) => pathsOf(entry).filter((path) => now.has(path)))
  const paths = [...new Set([...own, ...changed])]
  const { manager, apiVersion, subresource } = writer
  const mine: ManagedFields[] =
    paths.length === 0
      ? []
      : [
          {
            manager,
            operation: 'Update',
            apiVersion,
            time: timestamp(),
            fieldsType: 'FieldsV1',
            fieldsV1: treeOf(paths),
            ...(subresource !== undefined && { subresource }),
          },
        ]
  const all = [...others, ...mine]
  return all.length === 0 ? undefined : all
}

const separator = '\u0000'

function leaves(object: Fields): Map<string, unknown> {
  const { labels, annotations, finalizers, ownerReferences } = fieldsOf(object.metadata)
  const { kind: _kind, apiVersion: _apiVersion, metadata: _metadata, ...rest } = object
  const found = new Map<string, unknown>()
  const visit = (path: string[], value: unknown) => {
    if (isFields(value) && Object.keys(value).length > 0) {
      for (const [name, member] of Object.entries(value)) visit([...path, name], member)
    } else if (value !== undefined) found.set(path.join(separator), value)
  }
  visit([], { metadata: { labels, annotations, finalizers, ownerReferences }, ...rest })
  return found
}

function treeOf(paths: readonly string[]): Fields {
  const tree: Fields = {}
  for (const path of [...paths].sort()) {
    let node = tree
    for (const step of path.split(separator)) {
      node[`f:${step}`] ??= {}
      node = node[`f:${step}`] as Fields
    }
  }
  return tree
}

function pathsOf({ fieldsV1 }: ManagedFields): string[] {
  const paths: string[] = []
  const visit = (path: string[], node: Fields) => {
    const members = Object.entries(node)
    if (members.length === 0) paths.push(path.join(separator))
    for (const [name, member] of members) visit([...path, name.replace(/^f:/, '')], fieldsOf(member))
  }
  visit([], fieldsV1)
  return paths
}
