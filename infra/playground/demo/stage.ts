import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { type Bus, startBus } from '../bus.ts'
import { type PlaygroundCluster, startCluster } from '../cluster.ts'
import { freePort, type RedisServer, startRedisServer } from '../redis-server.ts'
import { Ledger } from './ledger.ts'
import { BridgeProcess, type LogLine } from './process.ts'
import { Shop } from './shop.ts'

const clusterNames = ['prod-eu', 'prod-us', 'staging']
/** Enough to hold the reason in what Node prints of a process that does not even load. */
const mostTroubles = 8

export interface StageOptions {
  /** The file of the command line, to start processes of. */
  readonly cli: string
  readonly note: (text: string) => void
  readonly signal: AbortSignal
}

/** Everything the story needs, really running: Redis, three clusters, an event bus, a watcher and a dispatcher as processes. */
export interface Stage extends AsyncDisposable {
  readonly redis: RedisServer
  readonly bus: Bus
  readonly shops: readonly [Shop, Shop, Shop]
  readonly ledger: Ledger
  readonly watcher: BridgeProcess
  readonly dispatcher: BridgeProcess
  readonly folder: string
  /** The dispatcher's log so far. */
  readonly log: readonly LogLine[]
  /** The first errors of either process. */
  readonly troubles: readonly string[]
  /** Waits for it to become true; answers whether it did. */
  until(condition: () => boolean, mostMs?: number): Promise<boolean>
  /** Starts the process, and waits until it is ready. */
  start(which: 'watcher' | 'dispatcher'): Promise<boolean>
  close(): Promise<void>
}

export async function setStage({ cli, note, signal }: StageOptions): Promise<Stage> {
  const open: (() => Promise<void>)[] = []
  const close = async () => {
    for (const one of open.splice(0).reverse()) await one()
  }
  try {
    const folder = await mkdtemp(join(tmpdir(), 'deltabridge-demo-'))
    open.push(() => rm(folder, { recursive: true, force: true }))
    const ledger = new Ledger()
    const log: LogLine[] = []
    const troubles: string[] = []
    const redis = await startRedisServer({ note })
    open.push(() => redis.close())
    const bus = await startBus({
      buses: ['k8s'],
      onEvent: ({ detail }) =>
        ledger.deliver({
          trigger: String(detail.trigger),
          cluster: String(detail.cluster),
          name: `${detail.kind}/${detail.name}`,
          id: String(detail.id),
        }),
    })
    open.push(() => bus.close())
    const clusters: PlaygroundCluster[] = []
    for (const name of clusterNames) {
      const cluster = await startCluster({ name })
      open.push(() => cluster.close())
      clusters.push(cluster)
    }
    const ports = { watcher: await freePort(), dispatcher: await freePort() }
    const file = await writeSettings(folder, redis.url, bus.url, clusters)
    const bridge = (role: 'watcher' | 'dispatcher', told: (line: LogLine) => void) => {
      const listen = `127.0.0.1:${ports[role]}`
      const process = new BridgeProcess(cli, [role, '--config', file, '--listen', listen], (line) => {
        if (line.level === 'error' && line.msg.trim() !== '' && troubles.length < mostTroubles)
          troubles.push(`${role}: ${line.msg}`)
        told(line)
      })
      open.push(() => process.stop())
      return process
    }
    const watcher = bridge('watcher', () => {})
    const dispatcher = bridge('dispatcher', (line) => {
      log.push(line)
      if (line.msg === 'seen' || line.msg === 'scaled' || line.msg === 'charged') ledger.deliver(toldBy(line))
    })
    const shops = clusters.map((cluster) => new Shop(cluster, ledger)) as unknown as [Shop, Shop, Shop]
    for (const shop of shops) await shop.open()

    const until = async (condition: () => boolean | Promise<boolean>, mostMs = 15_000) => {
      const deadline = performance.now() + mostMs
      while (!(await condition())) {
        if (signal.aborted || performance.now() > deadline) return false
        await sleep(5)
      }
      return true
    }
    return {
      redis,
      bus,
      shops,
      ledger,
      watcher,
      dispatcher,
      folder,
      log,
      troubles,
      until,
      start(which) {
        const process = which === 'watcher' ? watcher : dispatcher
        process.start()
        return until(async () => {
          const answer = await fetch(`http://127.0.0.1:${ports[which]}/readyz`).catch(() => undefined)
          return answer?.status === 200
        }, 30_000)
      },
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function toldBy(line: LogLine): { trigger: string; cluster: string; name: string; id: string } {
  const gvk = String(line.gvk)
  return {
    trigger: String(line.trigger),
    cluster: String(line.cluster),
    name: `${gvk.slice(gvk.lastIndexOf('/') + 1)}/${line.name}`,
    id: String(line.deltaId),
  }
}

/** The configuration as a user would write it, and the kubeconfigs beside it. */
async function writeSettings(
  folder: string,
  redis: string,
  bus: string,
  clusters: readonly PlaygroundCluster[],
): Promise<string> {
  await mkdir(join(folder, 'clusters'))
  for (const { name, kubeconfig } of clusters) await writeFile(join(folder, 'clusters', `${name}.yaml`), kubeconfig())
  const settings = {
    redis: { url: redis, prefix: 'demo' },
    clusters: Object.fromEntries(
      clusters.map(({ name }) => [
        name,
        { kubeconfig: `./clusters/${name}.yaml`, labels: { env: name.split('-')[0] } },
      ]),
    ),
    functions: fileURLToPath(new URL('functions', import.meta.url)),
    sinks: { audit: { eventbridge: { bus: 'k8s', region: 'eu-west-1', endpoint: bus } } },
    triggers: { 'deployments-to-audit': { gvk: 'apps/v1/Deployment', namespaces: ['shop'], to: 'audit' } },
  }
  const file = join(folder, 'deltabridge.yaml')
  await writeFile(file, stringify(settings))
  return file
}
