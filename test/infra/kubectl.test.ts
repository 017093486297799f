import { execFile, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { PlaygroundCluster } from '../../infra/playground/cluster.ts'
import { type Anything, configMaps, get, openCluster, putConfigMap } from './cluster-client.ts'

const isThere = spawnSync('kubectl', ['version', '--client']).status === 0
if (!isThere) console.warn('kubectl is not on PATH: what it does to a playground cluster is not tried')

const run = promisify(execFile)

/** kubectl with a kubeconfig and a cache of its own. */
async function openKubectl(cluster: PlaygroundCluster) {
  const dir = await mkdtemp(join(tmpdir(), 'deltabridge-kubectl-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  await writeFile(join(dir, 'kubeconfig'), cluster.kubeconfig())
  const always = [`--kubeconfig=${join(dir, 'kubeconfig')}`, `--cache-dir=${join(dir, 'cache')}`]
  const kubectl = async (...args: string[]) => (await run('kubectl', [...always, ...args])).stdout.trim()
  return {
    kubectl,
    async withFile(content: object, ...args: string[]) {
      await writeFile(join(dir, 'object.json'), JSON.stringify(content))
      return kubectl(...args, '-f', join(dir, 'object.json'))
    },
    start(...args: string[]) {
      const child = spawn('kubectl', [...always, ...args])
      onTestFinished(() => void child.kill())
      let text = ''
      child.stdout.on('data', (part) => {
        text += part
      })
      return () => text
    },
  }
}

describe.skipIf(!isThere)('kubectl', () => {
  test('creates, labels, annotates, patches, replaces and deletes', async () => {
    const cluster = await openCluster()
    const { kubectl, withFile } = await openKubectl(cluster)
    expect(await kubectl('create', 'configmap', 'a', '--from-literal=x=1')).toBe('configmap/a created')
    expect(await kubectl('label', 'cm', 'a', 'app=web')).toBe('configmap/a labeled')
    expect(await kubectl('annotate', 'cm', 'a', 'note=hi')).toBe('configmap/a annotated')
    expect(await kubectl('patch', 'cm', 'a', '--type=merge', '-p', '{"data":{"y":"2"}}')).toBe('configmap/a patched')
    const { body } = await get(cluster, `${configMaps}/a`)
    expect(body).toMatchObject({
      metadata: { labels: { app: 'web' }, annotations: { note: 'hi' } },
      data: { x: '1', y: '2' },
    })
    expect(body.metadata.managedFields.map((entry: { manager: string }) => entry.manager)).toEqual([
      ...['kubectl-create', 'kubectl-label', 'kubectl-annotate', 'kubectl-patch'],
    ])
    expect(await withFile({ ...body, data: { z: '3' } }, 'replace')).toBe('configmap/a replaced')
    expect(await kubectl('get', 'cm', 'a', '-o', 'jsonpath={.data}')).toBe('{"z":"3"}')
    await expect(withFile(body, 'replace')).rejects.toThrow('the object has been modified')
    expect(await kubectl('delete', 'cm', 'a')).toBe('configmap "a" deleted')
  })

  test('makes a deployment from a command, as if it had been written', async () => {
    const cluster = await openCluster()
    const { kubectl } = await openKubectl(cluster)
    await kubectl('create', 'namespace', 'shop')
    await kubectl('create', 'deployment', 'web', '--image=nginx:1', '--replicas=0', '--port=80', '-n', 'shop')
    const { body } = await get(cluster, '/apis/apps/v1/namespaces/shop/deployments/web')
    expect(body.spec).toMatchObject({
      replicas: 0,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'nginx', image: 'nginx:1', ports: [{ containerPort: 80 }] }] },
      },
    })
    expect(await kubectl('scale', 'deployment', 'web', '--replicas=3', '-n', 'shop')).toBe('deployment.apps/web scaled')
    expect(await kubectl('get', 'deployments', '-A')).toMatch(
      /^NAMESPACE +NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nshop +web +0\/3 +0 +0 +\d+s$/,
    )
    expect(await kubectl('delete', 'namespace', 'shop')).toBe('namespace "shop" deleted')
    expect(await kubectl('get', 'deployments', '-A', '-o', 'name')).toBe('')
  })

  test('makes secrets and services, and sees them in tables', async () => {
    const cluster = await openCluster()
    const { kubectl } = await openKubectl(cluster)
    await kubectl('create', 'secret', 'generic', 'key', '--from-literal=k=v')
    await kubectl('create', 'service', 'clusterip', 'web', '--tcp=80:8080')
    expect(await kubectl('get', 'secret', 'key', '-o', 'jsonpath={.type} {.data.k}')).toBe('Opaque dg==')
    expect(await kubectl('get', 'service', 'web')).toMatch(/\nweb +ClusterIP +10\.\d+\.\d+\.\d+ +80\/TCP +\d+s$/)
    expect(await kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].targetPort}')).toBe('8080')
  })

  test('creates from a file: a definition, then an object of its kind', async () => {
    const cluster = await openCluster()
    const { kubectl, withFile } = await openKubectl(cluster)
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'databases.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'databases', kind: 'Database', shortNames: ['db'] },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    }
    await withFile(definition, 'create')
    await kubectl('wait', '--for=condition=Established', 'crd/databases.example.com', '--timeout=10s')
    const database = { apiVersion: 'example.com/v1', kind: 'Database', metadata: { name: 'd' }, spec: { size: 1 } }
    expect(await withFile(database, 'create')).toBe('database.example.com/d created')
    expect(await kubectl('get', 'db', '-o', 'name')).toBe('database.example.com/d')
    await kubectl('delete', 'crd', 'databases.example.com')
    await expect(kubectl('get', 'databases.example.com')).rejects.toThrow(/the server (doesn't have|could not find)/)
  })

  test('shows objects as they change', async () => {
    const cluster = await openCluster()
    await putConfigMap(cluster, 'a')
    const { start } = await openKubectl(cluster)
    const shown = start('get', 'cm', '-w')
    await vi.waitFor(() => expect(shown()).toMatch(/^NAME +DATA +AGE\na +1 /), 10_000)
    await cluster.request<Anything>('PATCH', `${configMaps}/a`, { data: { y: '2' } })
    await vi.waitFor(() => expect(shown()).toMatch(/\na +2 +\d+s\n$/), 10_000)
  })

  test('learns what it may not do', async () => {
    const cluster = await openCluster()
    const { kubectl } = await openKubectl(cluster)
    cluster.forbid({ verb: 'list', resource: 'pods' })
    await expect(kubectl('auth', 'can-i', 'list', 'pods')).rejects.toMatchObject({ stdout: 'no\n' })
    expect(await kubectl('auth', 'can-i', 'watch', 'pods')).toBe('yes')
    await expect(kubectl('get', 'pods')).rejects.toThrow(
      'pods is forbidden: User "first" cannot list resource "pods" in API group "" in the namespace "default"',
    )
  })

  test('is told what a playground does not do', async () => {
    const cluster = await openCluster()
    await putConfigMap(cluster, 'a')
    const { kubectl } = await openKubectl(cluster)
    await expect(kubectl('patch', 'cm', 'a', '-p', '{"data":{"y":"2"}}')).rejects.toThrow('--type=merge')
    await expect(kubectl('delete', 'cm', 'a', '--cascade=foreground')).rejects.toThrow('no garbage collector')
  })
})
