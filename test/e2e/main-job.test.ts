import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startBus } from '../../infra/playground/bus.ts'
import { envtestAssets } from '../envtest/build.ts'
import { type ControlPlane, startControlPlane } from '../envtest/control-plane.ts'
import { Bridge, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'

const assets = await envtestAssets()
if ('skipped' in assets) console.warn(assets.skipped)

describe.skipIf('skipped' in assets)('the main job, on a real API server and by real processes', () => {
  let real: ControlPlane
  beforeAll(async () => {
    real = await startControlPlane({ name: 'real' })
  })
  afterAll(() => real?.close())

  /** A namespace of its own, a function that appends to a file, and a bus: both hear of its config maps. */
  async function open(namespace: string) {
    await real.request('POST', '/api/v1/namespaces', { metadata: { name: namespace } })
    const bus = await startBus({ buses: ['k8s'] })
    onTestFinished(() => bus.close())
    const bridge = await Bridge.open({
      clusters: { real: real.kubeconfig() },
      settings: {
        sinks: { audit: { eventbridge: { bus: 'k8s', region: 'eu-west-1', endpoint: bus.url } } },
        triggers: { 'maps-to-audit': { gvk: 'v1/ConfigMap', namespaces: [namespace], to: 'audit' } },
      },
    })
    await bridge.writeFunction('noted', {
      filter: { namespaces: [namespace], old: true },
      note: '{ unseen: delta.finalStateUnknown, reason: delta.reason, changed: delta.changed, was: delta.old?.data }',
    })
    const ids: string[] = []
    /** Waits until everything so far was told, and nothing else, to the function and to the bus. */
    async function expectTold(timeoutMs = 20_000): Promise<void> {
      await bridge.expectIds('noted', ids, timeoutMs)
      const sent = () => bus.events.map(({ detail }) => String(detail.id))
      await until(() => expect(byObject(sent())).toEqual(byObject(ids)), timeoutMs)
    }
    return { bridge, maps: new ConfigMaps(real, namespace), ids, expectTold }
  }

  test('what is created, updated and deleted is told once each, in order, over every kind of interruption', async () => {
    const { bridge, maps, ids, expectTold } = await open('interrupted')
    let { dispatcher, watcher } = await bridge.startBoth()
    ids.push(await maps.create('a'), await maps.update('a', { n: '1' }), await maps.create('b'), await maps.remove('b'))
    ids.push(await maps.create('c'), await maps.create('d'))
    await expectTold()

    // the watcher is killed: what happens meanwhile is found in the history
    await watcher.kill()
    ids.push(await maps.update('a', { n: '2' }), await maps.remove('c'), await maps.create('c'), await maps.create('e'))
    watcher = await bridge.start('watcher')
    await expectTold()

    // and where history is gone, by comparing; only the newest of what an object went through is still there
    await watcher.kill()
    await maps.update('a', { n: '3' })
    ids.push(await maps.update('a', { n: '4' }), await maps.remove('d'), await maps.remove('e'), await maps.create('e'))
    const never = await maps.create('never')
    await maps.remove('never')
    await real.compact()
    await real.restartApiServer()
    watcher = await bridge.start('watcher')
    await expectTold(30_000)
    expect(bridge.ids()).not.toContain(never)
    const last = (name: string, type: string) =>
      bridge.told().findLast((one) => one.name === name && one.type === type)?.note
    expect(last('a', 'Updated')).toEqual({ changed: ['data.n'], was: { n: '2' } })
    expect(last('d', 'Deleted')).toEqual({ unseen: true, reason: 'MissedWhileDisconnected' })
    expect(last('e', 'Deleted')).toEqual({ unseen: true, reason: 'Replaced' })

    // the dispatcher is killed: deltas wait
    await dispatcher.kill()
    ids.push(await maps.update('c', { n: '1' }), await maps.create('f'), await maps.remove('a'))
    dispatcher = await bridge.start('dispatcher')
    await expectTold()

    // the API server goes, and comes back
    await real.stopApiServer()
    await until(() => expect(watcher.out).toMatch(/watch failed; trying again/))
    await real.restartApiServer()
    ids.push(await maps.create('g'), await maps.remove('f'), await maps.update('g', { n: '1' }))
    await expectTold(40_000)

    for (const process of [dispatcher, watcher]) expect(await process.stop()).toEqual([0, null])
  }, 180_000)

  test('history that goes while the watcher runs is made up for by one list', async () => {
    const { bridge, maps, ids, expectTold } = await open('compacted')
    const { watcher } = await bridge.startBoth()
    ids.push(await maps.create('a'), await maps.create('b'))
    await expectTold()
    watcher.signal('SIGSTOP')
    ids.push(await maps.update('a', { n: '1' }), await maps.remove('b'), await maps.create('b'))
    await real.compact()
    await real.restartApiServer()
    watcher.signal('SIGCONT')
    await expectTold(60_000)
    await watcher.ready()
    expect(watcher.out).toContain('history is gone; listing to find what was missed')
  })

  test('a custom resource that is defined after its trigger is watched within seconds', async () => {
    const { bridge } = await open('custom')
    await bridge.writeFunction('widgets', { gvk: 'example.com/v1/Widget', filter: {} })
    await bridge.start('dispatcher')
    const watcher = bridge.launch('watcher')
    await until(async () => expect(await watcher.problems()).toContain('example.com/v1/Widget: NotFound'))
    await real.request('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgets)
    await watcher.ready(15_000)
    const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' } }
    const path = '/apis/example.com/v1/namespaces/custom/widgets'
    await until(async () => expect((await real.request('POST', path, widget)).status).toBe(201))
    await until(() => expect(bridge.told('widgets')).toMatchObject([{ type: 'Added', name: 'w' }]))
  })

  test('a user who may not watch is told so and deletes nothing; with the right given it goes on', async () => {
    const { bridge, maps, ids } = await open('limited')
    await bridge.writeKubeconfig('real', real.kubeconfigFor('limited'))
    await bridge.start('dispatcher')
    const watcher = bridge.launch('watcher')
    await until(async () => expect(await watcher.problems()).toMatch(/v1\/ConfigMap.*Forbidden/))
    await maps.create('before')
    await grant()
    await watcher.ready(30_000)
    ids.push(await maps.create('a'), await maps.create('b'))
    await bridge.expectIds('noted', ids)

    await revoke()
    // a watch that stands is not asked again; the next one is
    await real.restartApiServer()
    await until(async () => expect(await watcher.problems()).toMatch(/Forbidden/), 30_000)
    expect(watcher.log).toContainEqual(expect.objectContaining({ level: 'warn', reason: 'Forbidden' }))
    ids.push(await maps.update('a', { n: '1' }), await maps.remove('b'))
    await grant()
    await watcher.ready(60_000)
    await bridge.expectIds('noted', ids, 30_000)
  })

  const rbac = '/apis/rbac.authorization.k8s.io/v1'
  async function grant(): Promise<void> {
    const metadata = { name: 'reads-config-maps' }
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }]
    await real.request('POST', `${rbac}/clusterroles`, { metadata, rules })
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name }
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'limited' }]
    const { status } = await real.request('POST', `${rbac}/clusterrolebindings`, { metadata, roleRef, subjects })
    expect(status).toBe(201)
  }
  async function revoke(): Promise<void> {
    expect((await real.request('DELETE', `${rbac}/clusterrolebindings/reads-config-maps`)).status).toBe(200)
  }
})

function byObject(ids: readonly string[]) {
  return Object.groupBy(ids, (id) => id.slice(0, id.lastIndexOf('.')))
}

const widgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}
