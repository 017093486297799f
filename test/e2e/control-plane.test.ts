import { Agent, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { envtestAssets } from '../envtest/build.ts'
import { type ControlPlane, startControlPlane } from '../envtest/control-plane.ts'

const assets = await envtestAssets()
if ('skipped' in assets) console.warn(assets.skipped)

interface ConfigMap {
  metadata: { name: string; resourceVersion: string }
}

interface List<Item> {
  metadata: { resourceVersion: string }
  items: Item[]
}

const configMaps = '/api/v1/namespaces/default/configmaps'

describe.skipIf('skipped' in assets)('a control plane for tests', () => {
  let controlPlane: ControlPlane
  beforeAll(async () => {
    controlPlane = await startControlPlane({ name: 'first' })
  })
  afterAll(() => controlPlane?.close())

  test('an object that was created is listed', async () => {
    const created = await controlPlane.request('POST', configMaps, configMap('colours'))
    expect(created.status).toBe(201)
    const { body } = await controlPlane.request<List<ConfigMap>>('GET', configMaps)
    expect(body.items.map((item) => item.metadata.name)).toContain('colours')
  })

  test('its kubeconfig is enough for a verified connection', async () => {
    expect(await getWith(controlPlane.kubeconfig(), configMaps)).toBe(200)
  })

  test('a limited user is known and forbidden', async () => {
    expect(await getWith(controlPlane.kubeconfigFor('limited'), configMaps)).toBe(403)
    expect(await getWith(controlPlane.kubeconfigFor('limited'), '/version')).toBe(200)
  })

  test('after compaction and a restart, a watch from the old resourceVersion is Gone and the data is there', async () => {
    const before = await controlPlane.request<List<ConfigMap>>('GET', configMaps)
    await controlPlane.request('PATCH', `${configMaps}/colours`, { data: { sky: 'blue' } })
    await controlPlane.compact()
    await controlPlane.restartApiServer()

    const watch = `${configMaps}?watch=1&timeoutSeconds=5&resourceVersion=${before.body.metadata.resourceVersion}`
    const answer = await controlPlane.request('GET', watch)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })

    const after = await controlPlane.request<{ data: object }>('GET', `${configMaps}/colours`)
    expect(after.body.data).toEqual({ sky: 'blue' })
  })

  test('two at once do not disturb each other, and a closed one is gone', async () => {
    const second = await startControlPlane({ name: 'second' })
    await second.request('POST', configMaps, configMap('shapes'))
    const { body } = await controlPlane.request<List<ConfigMap>>('GET', configMaps)
    expect(body.items.map((item) => item.metadata.name)).not.toContain('shapes')
    await second.close()
    await expect(getWith(second.kubeconfig(), '/version')).rejects.toThrow('ECONNREFUSED')
  })
})

function configMap(name: string) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }
}

async function getWith(kubeconfig: string, path: string): Promise<number> {
  const { clusters, users } = parse(kubeconfig)
  const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString()
  const agent = new Agent({ connect: { ca } })
  try {
    const headers = { authorization: `Bearer ${users[0].user.token}` }
    const response = await request(`${clusters[0].cluster.server}${path}`, { dispatcher: agent, headers })
    await response.body.dump()
    return response.statusCode
  } finally {
    await agent.destroy()
  }
}
