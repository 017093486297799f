import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Bench, BenchContext } from './bench.ts'
import { type Figure, figure } from './figure.ts'
import { Remote } from './remote.ts'
import { RedisUsage } from './usage.ts'
import type { ApiServer } from './watcher/api-server.ts'
import type { ClientNodeProcess } from './watcher/client-node.ts'
import type { StreamProcess } from './watcher/stream.ts'

const bench = 'watcher'
const clientNode = '@kubernetes/client-node'
const podBytes = 4_096
/** So much of the events goes before, until everything is compiled. */
const warmUp = 0.25

const startStream = () => new Remote<StreamProcess>(new URL('watcher/stream.ts', import.meta.url))
const startClientNode = () => new Remote<ClientNodeProcess>(new URL('watcher/client-node.ts', import.meta.url))

/** One stream of pods: the CPU of an event nobody asks for, the first list, and what it costs when nothing has changed. */
export const watcher: Bench = async function* (context) {
  yield* watchFigures(context)
  yield* listFigures(context)
}

async function* watchFigures({ redis, rounds, quick }: BenchContext): AsyncGenerator<Figure> {
  await using cluster = await openCluster(2_000, quick ? 4_000 : 20_000)
  const { server, kubeconfig } = cluster
  const usage = new RedisUsage(redis.url)
  const us: number[] = []
  const redisUs: number[] = []
  const peer: number[] = []
  for (let round = 0; round < rounds; round++) {
    await server.ask('reset')
    {
      await using process = startClientNode()
      await process.ask('prepare', kubeconfig)
      await process.ask('watch')
      await server.ask('watched')
      const first = (await server.ask('send', 0, warmUp)) - cluster.pods
      await process.ask('seen', first)
      await process.ask('startGauge')
      const last = (await server.ask('send', warmUp, 1)) - cluster.pods
      const { cpuUs } = await process.ask('seen', last)
      peer.push(cpuUs / (last - first))
    }
    await server.ask('reset')
    await using process = startStream()
    await process.ask('prepare', { kubeconfig, url: redis.url, prefix: fresh(), names: ['nobody'] })
    await process.ask('run')
    const first = await server.ask('send', 0, warmUp)
    await process.ask('committed', first)
    const redisBefore = await usage.cpuUs()
    await process.ask('startGauge')
    const last = await server.ask('send', warmUp, 1)
    const { cpuUs } = await process.ask('committed', last)
    us.push(cpuUs / (last - first))
    redisUs.push(((await usage.cpuUs()) - redisBefore) / (last - first))
  }
  usage.close()
  yield figure(bench, 'CPU per event nobody asks for, 4 KB pods, commit included', 'µs', us, {
    name: `${clientNode} Watch`,
    rounds: peer,
  })
  yield figure(bench, 'Redis CPU per event nobody asks for', 'µs', redisUs)
}

async function* listFigures({ redis, rounds, quick }: BenchContext): AsyncGenerator<Figure> {
  await using cluster = await openCluster(quick ? 2_000 : 20_000, 0)
  const { server, kubeconfig, pods } = cluster
  const usage = new RedisUsage(redis.url)
  const samples = {
    first: [] as { cpuMs: number; blockMs: number; rssMb: number; written: number }[],
    peer: [] as { cpuMs: number; blockMs: number; rssMb: number }[],
    restart: [] as { deltas: number; requests: number; cpuMs: number }[],
    relist: [] as { deltas: number; cpuMs: number; written: number }[],
  }
  for (let round = 0; round < rounds; round++) {
    {
      await using process = startClientNode()
      await process.ask('prepare', kubeconfig)
      samples.peer.push(inUnits(await process.ask('list')))
    }
    const setup = { kubeconfig, url: redis.url, prefix: fresh(), names: [] }
    {
      await using process = startStream()
      await process.ask('prepare', setup)
      const before = await usage.inputBytes()
      const first = inUnits(await process.ask('run'))
      samples.first.push({ ...first, written: (await usage.inputBytes()) - before })
    }
    await server.ask('reset')
    await using process = startStream()
    await process.ask('prepare', setup)
    const { cpuMs } = inUnits(await process.ask('run'))
    samples.restart.push({ cpuMs, deltas: await process.ask('deltas'), requests: await server.ask('requests') })
    const before = await usage.inputBytes()
    await process.ask('startGauge')
    await server.ask('expire')
    const relist = inUnits(await process.ask('live'))
    const written = (await usage.inputBytes()) - before
    samples.relist.push({ cpuMs: relist.cpuMs, deltas: await process.ask('deltas'), written })
  }
  usage.close()
  const { first, peer, restart, relist } = samples
  const from = <T, K extends keyof T>(list: readonly T[], field: K) => list.map((sample) => sample[field])
  const library = (rounds: readonly number[]) => ({ name: `${clientNode} list`, rounds })
  const ours = (rounds: readonly number[]) => ({ name: 'our first list', rounds })
  const about = `${pods.toLocaleString('en')} pods of 4 KB`
  yield figure(bench, `first list, CPU, ${about}`, 'ms', from(first, 'cpuMs'), library(from(peer, 'cpuMs')))
  yield figure(
    bench,
    `first list, longest block, ${about}`,
    'ms',
    from(first, 'blockMs'),
    library(from(peer, 'blockMs')),
  )
  yield figure(bench, `first list, peak RSS, ${about}`, 'MB', from(first, 'rssMb'), library(from(peer, 'rssMb')))
  yield figure(bench, 'restart with nothing changed, deltas', 'deltas', from(restart, 'deltas'))
  yield figure(bench, 'restart with nothing changed, requests', 'requests', from(restart, 'requests'))
  yield figure(bench, 'restart with nothing changed, CPU', 'ms', from(restart, 'cpuMs'), ours(from(first, 'cpuMs')))
  yield figure(bench, 'relist with nothing changed, deltas', 'deltas', from(relist, 'deltas'))
  yield figure(bench, 'relist with nothing changed, CPU', 'ms', from(relist, 'cpuMs'), ours(from(first, 'cpuMs')))
  yield figure(
    bench,
    'relist with nothing changed, bytes sent to Redis',
    'bytes',
    from(relist, 'written'),
    ours(from(first, 'written')),
  )
}

async function openCluster(pods: number, events: number) {
  const server = new Remote<ApiServer>(new URL('watcher/api-server.ts', import.meta.url))
  const folder = await mkdtemp(join(tmpdir(), 'deltabridge-bench-'))
  const kubeconfig = join(folder, 'kubeconfig')
  const url = await server.ask('start', { pods, bytes: podBytes, events })
  await writeFile(kubeconfig, kubeconfigOf(url))
  return {
    server,
    kubeconfig,
    pods,
    async [Symbol.asyncDispose]() {
      await server.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** The client library refuses plain HTTP unless it is told that nothing is verified. */
function kubeconfigOf(server: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bench',
    clusters: [{ name: 'bench', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'bench', user: {} }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
  })
}

function inUnits(usage: { cpuUs: number; longestBlockMs: number; peakRssBytes: number }) {
  return { cpuMs: usage.cpuUs / 1e3, blockMs: usage.longestBlockMs, rssMb: usage.peakRssBytes / 1e6 }
}

function fresh(): string {
  return `bench-${randomUUID().slice(0, 8)}`
}
