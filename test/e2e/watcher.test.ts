import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Settings } from '../../core/config/settings.ts'
import { createLog, silentLog } from '../../core/log.ts'
import { startWatcher } from '../../watcher/watcher.ts'
import { envtestAssets } from '../envtest/build.ts'
import { type ControlPlane, startControlPlane } from '../envtest/control-plane.ts'
import { redisCorner } from '../support/redis.ts'
import { putTrigger, short, waiting } from '../support/triggers.ts'

const assets = await envtestAssets()
if ('skipped' in assets) console.warn(assets.skipped)
const log = process.env.SHOW_LOG ? createLog('debug') : silentLog

describe.skipIf('skipped' in assets)('a watcher on a real API server', () => {
  let controlPlane: ControlPlane
  let dir: string
  beforeAll(async () => {
    controlPlane = await startControlPlane({ name: 'real' })
    dir = await mkdtemp(join(tmpdir(), 'deltabridge-e2e-'))
    await writeFile(join(dir, 'kubeconfig'), controlPlane.kubeconfig())
  })
  afterAll(async () => {
    await controlPlane?.close()
    await rm(dir, { recursive: true, force: true })
  })

  async function start(prefix: string, redis: Settings['redis']) {
    const settings: Settings = {
      file: undefined,
      redis: { ...redis, prefix },
      clusters: [{ name: 'real', labels: {}, access: { kubeconfig: join(dir, 'kubeconfig') } }],
      functions: undefined,
      sinks: [],
      triggers: [],
      delivery: {},
      listen: 'off',
      log: { level: 'info' },
      orphanSeconds: 3600,
      drainSeconds: 5,
      readiness: 'any',
    }
    const watcher = await startWatcher(settings, log)
    onTestFinished(() => watcher.close())
    await vi.waitFor(async () => expect(await watcher.problems()).toEqual([]), { timeout: 20_000, interval: 100 })
    return watcher
  }

  const configMaps = '/api/v1/namespaces/default/configmaps'
  const configMap = (name: string, data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data })

  test('tells what changed while it was down and after history is gone, and nothing else', async () => {
    const corner = redisCorner()
    const redis = await corner.connect()
    await controlPlane.request('POST', configMaps, configMap('before', { n: '0' }))
    const id = await putTrigger(redis, corner.prefix, 'all', {
      gvk: ['v1/ConfigMap'],
      namespaces: ['default'],
      old: true,
    })
    const first = await start(corner.prefix, corner.settings)
    for (const name of ['a', 'b', 'c']) await controlPlane.request('POST', configMaps, configMap(name, { n: '1' }))
    await controlPlane.request('PATCH', `${configMaps}/a`, { data: { n: '2' } })
    await vi.waitFor(async () =>
      expect((await waiting(redis, corner.prefix, id)).map(short)).toEqual([
        'Added a',
        'Updated a',
        'Added b',
        'Added c',
      ]),
    )
    await first.close()
    await controlPlane.request('DELETE', `${configMaps}/b`)
    await controlPlane.request('DELETE', `${configMaps}/c`)
    await controlPlane.request('POST', configMaps, configMap('c', { n: '3' }))
    await controlPlane.compact()
    await controlPlane.restartApiServer()
    await start(corner.prefix, corner.settings)
    const expected = [
      'Added a',
      'Updated a',
      'Added b',
      'Deleted b unseen MissedWhileDisconnected',
      'Added c',
      'Deleted c unseen Replaced',
      'Added c',
    ]
    await vi.waitFor(async () => expect((await waiting(redis, corner.prefix, id)).map(short)).toEqual(expected), {
      timeout: 10_000,
    })
    const [, updated] = await waiting(redis, corner.prefix, id)
    expect(updated?.changed).toEqual(['data.n'])
  })
})
