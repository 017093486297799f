import type { Connection } from './connection.ts'
import { type Gate, listWatch, type Sleep } from './list-watch.ts'
import { metadataOnly } from './metadata-only.ts'
import type { Query } from './query.ts'

export interface KindWatchOptions {
  readonly api: Pick<Connection, 'open' | 'get'>
  readonly gate?: Gate | undefined
  readonly sleep?: Sleep | undefined
  readonly changed: () => void
}

/** What adds kinds to a cluster, and takes them away. */
const sources = [
  { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition' },
  { group: 'apiregistration.k8s.io', resource: 'apiservices', kind: 'APIService' },
]

/** Tells when the kinds of a cluster may have changed, until `signal` aborts. Where it is not allowed to look, it tells nothing. */
export async function watchKinds({ api, gate, sleep, changed }: KindWatchOptions, signal: AbortSignal): Promise<void> {
  const watching = sources.map(async ({ group, resource, kind }) => {
    const query: Query = {
      clusterId: '',
      resource: { group, version: 'v1', resource },
      kind,
      namespaced: false,
      namespace: '',
      labelSelector: '',
      fieldSelector: '',
      keepsOld: false,
      startsFor: '',
    }
    for await (const events of listWatch({ api: metadataOnly(api), query, from: undefined, signal, gate, sleep }))
      if (events.some(({ type }) => type === 'Apply' || type === 'Delete' || type === 'InitDone')) changed()
  })
  await Promise.all(watching)
}
