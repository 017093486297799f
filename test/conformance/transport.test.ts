import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { setTimeout as timer } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Connection } from '../../watcher/connection.ts'
import { listWatch } from '../../watcher/list-watch.ts'
import { metadataOnly } from '../../watcher/metadata-only.ts'
import { configMap, frame, configMapQuery as query } from '../support/scripted-api.ts'
import { connect, folder, kubeconfig, makeCertificate, openApiServer } from '../watcher/api-server.ts'
import { connectProxy, socksProxy, type TestProxy } from './proxies.ts'
import { row } from './row.ts'

/** Lists `a` at 10, tells `b` at 11 and ends, then tells `c` at 12 and stays. */
const answer: RequestListener = (request, response) => {
  const position = new URL(request.url!, 'http://cluster').searchParams.get('resourceVersion')
  if (position === null) {
    const list = { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '10' }, items: [configMap('a', '3')] }
    response.end(JSON.stringify(list))
  } else if (position === '10') response.end(`${JSON.stringify(frame('ADDED', configMap('b', '11')))}\n`)
  else response.write(`${JSON.stringify(frame('ADDED', configMap('c', '12')))}\n`)
}

/** The names of what a list and two watches tell. */
async function watched(api: Pick<Connection, 'get' | 'open'>): Promise<string[]> {
  const stop = new AbortController()
  const names: string[] = []
  const options = { api, query, from: undefined, signal: stop.signal, random: () => 0, sleep: () => timer(1) }
  for await (const events of listWatch(options)) {
    for (const event of events) {
      if (event.type === 'Failed') throw new Error(event.failure.message)
      if (event.type === 'InitApply' || event.type === 'Apply') names.push(event.object.name)
    }
    if (names.includes('c')) stop.abort()
  }
  return names
}

row(47, async () => {
  const server = await openApiServer((request, response) => {
    if (request.headers.accept?.includes('PartialObjectMetadata')) response.writeHead(406).end()
    else answer(request, response)
  })
  const api = connect(folder().write('kubeconfig', kubeconfig(server.url)))
  expect(await watched(metadataOnly(api))).toEqual(['a', 'b', 'c'])
  expect(server.requests.map(({ headers }) => headers.accept?.includes('PartialObjectMetadata'))).toEqual([
    true,
    false,
    false,
    false,
  ])
})

row(100, async () => {
  const { path, write } = folder()
  const own = makeCertificate(path, 'own')
  const named = makeCertificate(path, 'named', 'DNS:api.example.test')
  const sixth = makeCertificate(path, 'sixth', 'IP:::1')
  const [direct, elsewhere, six] = [
    await openApiServer(answer, own),
    await openApiServer(answer, named),
    await openApiServer(answer, sixth, '::1'),
  ]
  const trusting = (cert: string, cluster: object = {}) => ({
    'certificate-authority-data': readFileSync(cert).toString('base64'),
    ...cluster,
  })
  const proxies: TestProxy[] = [await connectProxy(), await socksProxy()]
  for (const proxy of proxies) {
    const file = write('proxied', kubeconfig(direct.url, {}, trusting(own.cert, { 'proxy-url': proxy.url })))
    expect(await watched(connect(file)), proxy.url).toEqual(['a', 'b', 'c'])
    expect(new Set(proxy.targets)).toEqual(new Set([new URL(direct.url).host]))
  }
  const name = { 'tls-server-name': 'api.example.test' }
  const renamed = write('renamed', kubeconfig(elsewhere.url, {}, trusting(named.cert, name)))
  expect(await watched(connect(renamed))).toEqual(['a', 'b', 'c'])
  expect(await watched(connect(write('six', kubeconfig(six.url, {}, trusting(sixth.cert)))))).toEqual(['a', 'b', 'c'])
})
