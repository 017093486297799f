import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { Bench } from './bench.ts'
import { figure } from './figure.ts'
import type { BridgeProcess } from './latency/bridge.ts'
import type { ByHandProcess } from './latency/by-hand.ts'
import type { ClusterProcess } from './latency/cluster.ts'
import type { Latencies } from './latency/stopwatch.ts'
import { Remote } from './remote.ts'

const bench = 'latency'
const peer = 'client-node Watch and a BullMQ job per event'
const rates = [100, 1_000]
const objects = 200
const settleMs = 1_000

const scriptOf = (name: string) => new URL(`latency/${name}.ts`, import.meta.url)

interface Contender {
  begin(): Promise<unknown>
  latencies(count: number): Promise<Latencies>
}

/** From a write in a cluster to the start of its handler, through a watcher's and a dispatcher's process. */
export const latency: Bench = async function* ({ redis, rounds, quick }) {
  const folder = await mkdtemp(join(tmpdir(), 'deltabridge-bench-'))
  try {
    await using cluster = new Remote<ClusterProcess>(scriptOf('cluster'))
    const { kubeconfig, url } = await cluster.ask('start', objects)
    const file = join(folder, 'deltabridge.yaml')
    await writeFile(join(folder, 'prod.yaml'), kubeconfig)
    await writeFile(join(folder, 'verified-by-nobody.yaml'), unverified(kubeconfig, url))
    await writeFile(file, settings(redis.url))
    const measure = async (contender: Contender, perSecond: number): Promise<Latencies> => {
      const count = (quick ? 1 : 4) * perSecond
      await contender.begin()
      await cluster.ask('write', count, perSecond)
      return contender.latencies(count)
    }

    await using dispatcher = new Remote<BridgeProcess>(scriptOf('bridge'))
    await dispatcher.ask('start', 'dispatcher', file)
    const ours = { begin: () => dispatcher.ask('begin'), latencies: (n: number) => dispatcher.ask('latencies', n) }
    const us: Latencies[][] = rates.map(() => [])
    const theirs: Latencies[][] = rates.map(() => [])
    for (let round = 0; round < rounds; round++) {
      {
        await using watcher = new Remote<BridgeProcess>(scriptOf('bridge'))
        await watcher.ask('start', 'watcher', file)
        await measure(ours, 500)
        for (const [i, rate] of rates.entries()) us[i]!.push(await measure(ours, rate))
      }
      await using worker = new Remote<ByHandProcess>(scriptOf('by-hand'))
      await using watcher = new Remote<ByHandProcess>(scriptOf('by-hand'))
      await worker.ask('work', redis.url)
      await watcher.ask('watch', join(folder, 'verified-by-nobody.yaml'), redis.url)
      await sleep(settleMs)
      const byHand = { begin: () => worker.ask('begin'), latencies: (n: number) => worker.ask('latencies', n) }
      await measure(byHand, 500)
      for (const [i, rate] of rates.entries()) theirs[i]!.push(await measure(byHand, rate))
    }
    for (const [i, rate] of rates.entries()) {
      for (const [field, name] of [
        ['p50Ms', 'p50'],
        ['p99Ms', 'p99'],
      ] as const) {
        const of = (samples: readonly Latencies[]) => samples.map((sample) => sample[field])
        yield figure(bench, `write to handler, ${name}, ${rate}/s`, 'ms', of(us[i]!), {
          name: peer,
          rounds: of(theirs[i]!),
        })
      }
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

function settings(redis: string): string {
  return stringify({
    redis: { url: redis, prefix: 'bench' },
    clusters: { prod: { kubeconfig: './prod.yaml' } },
    functions: fileURLToPath(new URL('latency/functions', import.meta.url)),
    listen: 'off',
  })
}

/** The client library refuses plain HTTP unless it is told that nothing is verified. */
function unverified(kubeconfig: string, url: string): string {
  return kubeconfig.replace(url, `${url}\n      insecure-skip-tls-verify: true`)
}
