import { expect, test } from 'vitest'
import { AggregatedKinds, kindsOf, NoAggregatedDiscovery } from '../../watcher/aggregated-kinds.ts'

interface Version {
  readonly version: string
  readonly kinds: readonly string[]
  readonly freshness?: string
}

/** Answers aggregated discovery; what is asked for with its own etag is unchanged. */
class DiscoveryServer {
  etags: (string | undefined)[] = []
  groups: Record<string, readonly Version[]>

  constructor(groups: Record<string, readonly Version[]>) {
    this.groups = groups
  }

  async fresh(path: string, _: AbortSignal, { etag }: { etag?: string | undefined }) {
    this.etags.push(etag)
    const items = Object.entries(this.groups)
      .filter(([name]) => (name === '') === (path === '/api'))
      .map(([name, versions]) => ({
        metadata: { name },
        versions: versions.map(({ version, kinds, freshness }) => ({
          version,
          freshness,
          resources: kinds.map((kind) => ({
            resource: `${kind.toLowerCase()}s`,
            scope: 'Namespaced',
            verbs: kind === 'Binding' ? ['create'] : ['get', 'list', 'watch'],
            responseKind: { kind },
          })),
        })),
      }))
    const body = JSON.stringify({ kind: 'APIGroupDiscoveryList', items })
    return etag === body ? undefined : { body: Buffer.from(body), etag: body }
  }
}

const signal = AbortSignal.timeout(60_000)
const core = [{ version: 'v1', kinds: ['Pod', 'Secret', 'Event', 'Binding'] }]

async function names(kinds: AggregatedKinds, wildcard: string): Promise<string[]> {
  return kindsOf(wildcard, await kinds.all(signal)).map(({ gvk }) => gvk)
}

test('a wildcard means each kind that can be listed and watched once, at the version the server prefers', async () => {
  const server = new DiscoveryServer({
    '': core,
    apps: [{ version: 'v1', kinds: ['Deployment'] }],
    'example.com': [
      { version: 'v2', kinds: ['Widget'] },
      { version: 'v1', kinds: ['Widget', 'Gadget'] },
    ],
  })
  const kinds = new AggregatedKinds(server)
  expect(await names(kinds, '*')).toEqual([
    'v1/Pod',
    'apps/v1/Deployment',
    'example.com/v2/Widget',
    'example.com/v1/Gadget',
  ])
  expect(await names(kinds, 'v1/*')).toEqual(['v1/Pod'])
  expect(await names(kinds, 'apps/*')).toEqual(['apps/v1/Deployment'])
  expect(await names(kinds, 'example.com/v1/*')).toEqual(['example.com/v1/Widget', 'example.com/v1/Gadget'])
})

test('what did not change is not sent again', async () => {
  const server = new DiscoveryServer({ '': core })
  const kinds = new AggregatedKinds(server)
  await names(kinds, '*')
  expect(await names(kinds, '*')).toEqual(['v1/Pod'])
  expect(server.etags).toEqual([undefined, undefined, expect.stringMatching(/Pod/), expect.any(String)])
})

test('a kind is gone when it has been missing for a while', async () => {
  const server = new DiscoveryServer({ '': core, 'example.com': [{ version: 'v1', kinds: ['Widget'] }] })
  const kinds = new AggregatedKinds(server, 50)
  await names(kinds, '*')
  server.groups = { '': core }
  expect(await names(kinds, '*')).toEqual(['v1/Pod', 'example.com/v1/Widget'])
  await expect.poll(() => names(kinds, '*')).toEqual(['v1/Pod'])
})

test('a group whose own server does not answer keeps its kinds', async () => {
  const server = new DiscoveryServer({ 'example.com': [{ version: 'v1', kinds: ['Widget'] }] })
  const kinds = new AggregatedKinds(server, 0)
  await names(kinds, '*')
  server.groups = { 'example.com': [{ version: 'v1', kinds: [], freshness: 'Stale' }] }
  for (let n = 0; n < 3; n++) expect(await names(kinds, '*')).toEqual(['example.com/v1/Widget'])
})

test('a version that is switched off makes way for the next at once', async () => {
  const server = new DiscoveryServer({ 'example.com': [{ version: 'v1beta1', kinds: ['Widget'] }] })
  const kinds = new AggregatedKinds(server)
  await names(kinds, '*')
  server.groups = { 'example.com': [{ version: 'v1', kinds: ['Widget'] }] }
  expect(await names(kinds, 'example.com/*')).toEqual(['example.com/v1/Widget'])
})

test('a server that knows only the old discovery says so by refusing wildcards', async () => {
  const old = { fresh: async () => ({ body: Buffer.from('{"kind":"APIVersions","versions":["v1"]}'), etag: '' }) }
  await expect(new AggregatedKinds(old).all(signal)).rejects.toThrow(NoAggregatedDiscovery)
})
