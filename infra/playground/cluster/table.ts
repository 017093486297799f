import { atPath, fieldsOf, type KubeObject } from './object.ts'
import type { PrinterColumn, Resource } from './resources.ts'

interface Column {
  readonly name: string
  readonly type?: string
  /** 1: shown by `-o wide` alone. */
  readonly priority?: number
  cell(object: KubeObject): unknown
}

const nameColumn: Column = { name: 'Name', cell: ({ metadata }) => metadata.name }
const ageColumn: Column = { name: 'Age', cell: ({ metadata }) => ageOf(metadata.creationTimestamp) }

/** What `kubectl get` shows. */
export function tableOf(
  resource: Resource,
  objects: readonly KubeObject[],
  metadata: { readonly resourceVersion: string },
  withColumns: boolean,
): unknown {
  const columns = [nameColumn, ...columnsOf(resource)]
  const columnDefinitions = columns.map(({ name, type = 'string', priority = 0 }) => ({
    name,
    type,
    format: name === 'Name' ? 'name' : '',
    description: '',
    priority,
  }))
  const rows = objects.map((object) => ({
    cells: columns.map((column) => column.cell(object)),
    object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
  }))
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: withColumns ? columnDefinitions : [],
    rows,
  }
}

function columnsOf(resource: Resource): readonly Column[] {
  if (resource.custom) return resource.columns ? resource.columns.map(declared) : [ageColumn]
  return [...(builtIn[resource.kind] ?? []), ageColumn]
}

const builtIn: Readonly<Record<string, readonly Column[]>> = {
  ConfigMap: [{ name: 'Data', cell: ({ data, binaryData }) => sizeOf(data) + sizeOf(binaryData) }],
  Secret: [
    { name: 'Type', cell: ({ type }) => type },
    { name: 'Data', cell: ({ data }) => sizeOf(data) },
  ],
  Namespace: [{ name: 'Status', cell: (object) => atPath(object, 'status.phase') }],
  Pod: [
    { name: 'Ready', cell: readyContainers },
    {
      name: 'Status',
      cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : fieldsOf(status).phase),
    },
    { name: 'Node', priority: 1, cell: (object) => atPath(object, 'spec.nodeName') ?? '<none>' },
  ],
  Service: [
    { name: 'Type', cell: (object) => atPath(object, 'spec.type') },
    { name: 'Cluster-IP', cell: (object) => atPath(object, 'spec.clusterIP') },
    { name: 'Port(s)', cell: ports },
  ],
  Endpoints: [{ name: 'Endpoints', cell: ({ subsets }) => addresses(subsets) }],
  Deployment: [
    { name: 'Ready', cell: (object) => `${number(object, 'status.readyReplicas')}/${number(object, 'spec.replicas')}` },
    { name: 'Up-to-date', type: 'integer', cell: (object) => number(object, 'status.updatedReplicas') },
    { name: 'Available', type: 'integer', cell: (object) => number(object, 'status.availableReplicas') },
  ],
}

function declared({ name, type, jsonPath, priority }: PrinterColumn): Column {
  const cell = (object: KubeObject) => {
    const value = atPath(object, jsonPath)
    return type === 'date' && typeof value === 'string' ? ageOf(value) : value
  }
  return { name, type: type === 'date' ? 'string' : type, ...(priority !== undefined && { priority }), cell }
}

function readyContainers(object: KubeObject): string {
  const containers = listAt(object, 'spec.containers').length
  const ready = listAt(object, 'status.containerStatuses').filter((status) => fieldsOf(status).ready === true).length
  return `${ready}/${containers}`
}

function ports(object: KubeObject): string {
  const texts = listAt(object, 'spec.ports').map((port) => `${fieldsOf(port).port}/${fieldsOf(port).protocol}`)
  return texts.join(',') || '<none>'
}

function addresses(subsets: unknown): string {
  const texts = (Array.isArray(subsets) ? subsets : []).flatMap((subset) =>
    listAt(subset, 'addresses').flatMap((address) =>
      listAt(subset, 'ports').map((port) => `${fieldsOf(address).ip}:${fieldsOf(port).port}`),
    ),
  )
  return texts.join(',') || '<none>'
}

function listAt(object: unknown, path: string): unknown[] {
  const value = atPath(object, path)
  return Array.isArray(value) ? value : []
}

function number(object: KubeObject, path: string): number {
  return Number(atPath(object, path) ?? 0)
}

function sizeOf(map: unknown): number {
  return Object.keys(fieldsOf(map)).length
}

/** As kubectl writes a short duration. */
function ageOf(time: string): string {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1_000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
