import { expect, onTestFinished, test } from 'vitest'
import { type ClusterOptions, type PlaygroundCluster, startCluster } from '../../infra/playground/cluster.ts'

const configMaps = '/api/v1/namespaces/default/configmaps'

async function open(options: Partial<ClusterOptions> = {}): Promise<PlaygroundCluster> {
  const cluster = await startCluster({ name: 'first', ...options })
  onTestFinished(() => cluster.close())
  return cluster
}

test('what was created is listed, and its items do not say their kind', async () => {
  const cluster = await open()
  expect((await cluster.request('POST', configMaps, { metadata: { name: 'a' }, data: { x: '1' } })).status).toBe(201)
  const response = await fetch(`${cluster.url}${configMaps}`, { headers: { authorization: `Bearer ${cluster.token}` } })
  const body = await response.json()
  expect(body).toMatchObject({ kind: 'ConfigMapList', items: [{ metadata: { name: 'a' }, data: { x: '1' } }] })
  expect(Object.keys(body.items[0])).toEqual(['metadata', 'data'])
})
