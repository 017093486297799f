import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { Overview } from '../../cli-overview.ts'
import type { Finding } from '../../core/finding.ts'
import { envtestAssets } from '../envtest/build.ts'
import { type ControlPlane, startControlPlane } from '../envtest/control-plane.ts'
import { Bridge, until } from '../support/bridge.ts'
import { deltabridge } from '../support/cli.ts'

const assets = await envtestAssets()
if ('skipped' in assets) console.warn(assets.skipped)

const rbacApi = '/apis/rbac.authorization.k8s.io/v1'

describe.skipIf('skipped' in assets)('access to a real API server', () => {
  let controlPlane: ControlPlane
  beforeAll(async () => {
    controlPlane = await startControlPlane({ name: 'real', users: ['limited'] })
  })
  afterAll(() => controlPlane?.close())

  async function apply(manifests: string): Promise<void> {
    for (const document of parseAllDocuments(manifests)) {
      const manifest = document.toJS()
      const { namespace } = manifest.metadata
      const place = namespace === undefined ? rbacApi : `${rbacApi}/namespaces/${namespace}`
      const { status, body } = await controlPlane.request('POST', `${place}/${manifest.kind.toLowerCase()}s`, manifest)
      expect(status, JSON.stringify(body)).toBe(201)
    }
  }

  async function openBridge(): Promise<Bridge> {
    const bridge = await Bridge.open({ clusters: { real: controlPlane.kubeconfigFor('limited') } })
    await bridge.writeFunction('scaled', { gvk: 'apps/v1/Deployment', filter: {} })
    await bridge.writeFunction('noted', { gvk: 'v1/ConfigMap' })
    return bridge
  }

  async function errorsOf(bridge: Bridge): Promise<string[]> {
    const { out } = await deltabridge(bridge.folder, 'check', '--json')
    const { findings }: { findings: Finding[] } = JSON.parse(out)
    return findings.filter(({ level }) => level === 'error').map(({ about, message }) => `${about}: ${message}`)
  }

  const streamsOf = async (bridge: Bridge): Promise<Overview['streams']> =>
    JSON.parse((await deltabridge(bridge.folder, 'status', '--json')).out).streams

  test('what rbac prints is all that was missing: check passes, and the stream that was blocked goes on', async () => {
    const bridge = await openBridge()
    expect(await errorsOf(bridge)).toEqual([
      'cluster real: the missing rule: list and watch on configmaps in namespace default',
      'cluster real: the missing rule: list and watch on deployments.apps at the cluster scope',
    ])
    bridge.launch('start')
    await until(async () =>
      expect((await streamsOf(bridge)).map(({ gvk, state, missing }) => ({ gvk, state, missing }))).toEqual([
        {
          gvk: 'apps/v1/Deployment',
          state: 'Blocked',
          missing: {
            verbs: [expect.stringMatching(/list|watch/)],
            group: 'apps',
            resource: 'deployments',
            namespace: '',
          },
        },
        {
          gvk: 'v1/ConfigMap',
          state: 'Blocked',
          missing: {
            verbs: [expect.stringMatching(/list|watch/)],
            group: '',
            resource: 'configmaps',
            namespace: 'default',
          },
        },
      ]),
    )

    const { code, out, err } = await deltabridge(bridge.folder, 'rbac', '--cluster', 'real', '--user', 'limited')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    await apply(out)
    const { code: passed, out: findings } = await deltabridge(bridge.folder, 'check')
    expect(findings).toContain('ok       cluster real: may list and watch 2 streams\n')
    expect(passed).toBe(0)
    await until(
      async () => expect((await streamsOf(bridge)).map(({ state }) => state)).toEqual(['Live', 'Live']),
      60_000,
    )
    await controlPlane.request('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'after' } })
    await until(() => expect(bridge.told('noted').map(({ name }) => name)).toContain('after'))
  })

  test('what rbac prints for a service account is accepted as it is', async () => {
    const bridge = await openBridge()
    const { out } = await deltabridge(bridge.folder, 'rbac', '--service-account', 'bridge/watcher')
    const subjects = parseAllDocuments(out).flatMap((document) => document.toJS().subjects ?? [])
    expect(new Set(subjects.map(({ namespace, name }) => `${namespace}/${name}`))).toEqual(new Set(['bridge/watcher']))
  })
})
