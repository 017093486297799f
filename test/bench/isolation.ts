import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { Bench } from './bench.ts'
import { figure } from './figure.ts'
import type { BridgeProcess } from './latency/bridge.ts'
import type { ClusterProcess } from './latency/cluster.ts'
import type { Latencies } from './latency/stopwatch.ts'
import { Remote } from './remote.ts'

const bench = 'isolation'
const peer = 'the same without the three others'
const objects = 200
const perSecond = 300

const scriptOf = (name: string) => new URL(`latency/${name}.ts`, import.meta.url)

/** From a write in a healthy cluster to the start of its handler, while the same watcher has a dead, a silent and a forbidden one. */
export const isolation: Bench = async function* ({ redis, rounds, quick }) {
  const folder = await mkdtemp(join(tmpdir(), 'deltabridge-bench-'))
  const silent = await listening(createServer())
  const forbidden = await listening(forbidding())
  try {
    await using cluster = new Remote<ClusterProcess>(scriptOf('cluster'))
    const { kubeconfig } = await cluster.ask('start', objects)
    await writeFile(join(folder, 'prod.yaml'), kubeconfig)
    const others = { dead: 'http://127.0.0.1:1', silent: silent.url, forbidden: forbidden.url }
    for (const [name, url] of Object.entries(others)) await writeFile(join(folder, `${name}.yaml`), kubeconfigOf(url))
    const write = async (name: string, clusters: readonly string[]) => {
      const file = join(folder, name)
      await writeFile(file, settings(redis.url, clusters))
      return file
    }
    const alone = await write('alone.yaml', ['prod'])
    const together = await write('together.yaml', ['prod', ...Object.keys(others)])

    await using dispatcher = new Remote<BridgeProcess>(scriptOf('bridge'))
    await dispatcher.ask('start', 'dispatcher', alone)
    const count = (quick ? 1 : 3) * perSecond
    const measure = async (file: string): Promise<Latencies> => {
      await using watcher = new Remote<BridgeProcess>(scriptOf('bridge'))
      await watcher.ask('start', 'watcher', file, Object.keys(others))
      const write = async (count: number) => {
        await dispatcher.ask('begin')
        await cluster.ask('write', count, perSecond)
        return dispatcher.ask('latencies', count)
      }
      await write(perSecond)
      const latencies = await write(count)
      await watcher.ask('stop')
      return latencies
    }
    const us: Latencies[] = []
    const theirs: Latencies[] = []
    // many short rounds in turns: what else the machine does comes and goes within seconds
    for (let round = 0; round < (quick ? 1 : 3 * rounds); round++) {
      if (round % 2 === 0) theirs.push(await measure(alone))
      us.push(await measure(together))
      if (round % 2 === 1) theirs.push(await measure(alone))
    }
    for (const [field, name] of [
      ['p50Ms', 'p50'],
      ['p99Ms', 'p99'],
    ] as const) {
      const of = (samples: readonly Latencies[]) => samples.map((sample) => sample[field])
      const metric = `write to handler beside a dead, a silent and a forbidden cluster, ${name}, ${perSecond}/s`
      yield figure(bench, metric, 'ms', of(us), { name: peer, rounds: of(theirs) })
    }
  } finally {
    silent.close()
    forbidden.close()
    await rm(folder, { recursive: true })
  }
}

/** Answers who it is, and nothing else. */
function forbidding(): Server {
  return createHttpServer((request, response) => {
    const known = request.url === '/version'
    const status = {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code: 403,
      reason: 'Forbidden',
      message: 'no',
    }
    response.writeHead(known ? 200 : 403, { 'content-type': 'application/json' })
    response.end(JSON.stringify(known ? { gitVersion: 'v1.36.0' } : status))
  })
}

async function listening(server: Server): Promise<{ url: string; close(): void }> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function kubeconfigOf(server: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'one',
    clusters: [{ name: 'one', cluster: { server } }],
    contexts: [{ name: 'one', context: { cluster: 'one' } }],
  })
}

function settings(redis: string, clusters: readonly string[]): string {
  return stringify({
    redis: { url: redis, prefix: 'bench' },
    clusters: Object.fromEntries(clusters.map((name) => [name, { kubeconfig: `./${name}.yaml` }])),
    functions: fileURLToPath(new URL('latency/functions', import.meta.url)),
    listen: 'off',
  })
}
