import { randomUUID } from 'node:crypto'
import type { Bench, BenchContext } from './bench.ts'
import { type Figure, figure } from './figure.ts'
import type { ContenderName, Load } from './queue/contender.ts'
import type { QueueProcess } from './queue/process.ts'
import { Remote } from './remote.ts'
import { RedisUsage } from './usage.ts'

const bench = 'queue'

interface Contest {
  readonly name: string
  readonly load: Load
}

const contests: readonly Contest[] = [
  { name: '1 KB, 20,000 objects', load: { bytes: 1_024, objects: 20_000 } },
  { name: '1 KB, 200 objects', load: { bytes: 1_024, objects: 200 } },
  { name: '4 KB, 20,000 objects', load: { bytes: 4_096, objects: 20_000 } },
  { name: '4 KB, 200 objects', load: { bytes: 4_096, objects: 200 } },
]

const peers: Record<Exclude<ContenderName, 'deltabridge'>, string> = {
  bullmq: 'BullMQ',
  streams: 'Redis Streams group',
}

/** Deltas that are measured: enough for about two seconds of each. */
const counts: Record<ContenderName, number> = { deltabridge: 60_000, bullmq: 15_000, streams: 60_000 }
const warmUp = 5_000

interface Sample {
  readonly perSecond: number
  readonly redisUs: number
  readonly nodeUs: number
  readonly violations: number
}

/** From a producer's process through Redis to a consumer's: deltas per second, and what each costs. */
export const queue: Bench = async function* (context) {
  for (const { name, load } of contests) {
    const samples: Record<ContenderName, Sample[]> = { deltabridge: [], bullmq: [], streams: [] }
    for (let round = 0; round < context.rounds; round++) {
      for (const contender of ['bullmq', 'deltabridge', 'streams'] as const)
        samples[contender].push(await measure(context, contender, load))
    }
    yield* figuresOf(name, samples)
  }
}

function* figuresOf(name: string, samples: Record<ContenderName, readonly Sample[]>): Generator<Figure> {
  const metrics = [
    ['perSecond', 'deltas per second', 'deltas/s'],
    ['redisUs', 'Redis CPU per delta', 'µs'],
    ['nodeUs', 'Node CPU per delta', 'µs'],
  ] as const
  for (const [field, metric, unit] of metrics) {
    for (const peer of ['bullmq', 'streams'] as const) {
      const us = samples.deltabridge.map((sample) => sample[field])
      const rounds = samples[peer].map((sample) => sample[field])
      yield figure(bench, `${metric}, ${name}`, unit, us, { name: peers[peer], rounds })
    }
  }
  const violations = samples.deltabridge.reduce((sum, sample) => sum + sample.violations, 0)
  yield figure(bench, `order violations, ${name}`, 'deltas', [violations])
  if (violations > 0) throw new Error(`${violations} deltas were delivered out of order (${name})`)
}

async function measure({ redis, quick }: BenchContext, contender: ContenderName, load: Load): Promise<Sample> {
  const script = new URL('queue/process.ts', import.meta.url)
  const usage = new RedisUsage(redis.url)
  await usage.clear()
  const setup = { contender, load, url: redis.url, prefix: `bench-${randomUUID().slice(0, 8)}` }
  const count = quick ? counts[contender] / 10 : counts[contender]
  const warm = quick ? warmUp / 10 : warmUp
  await using consumer = new Remote<QueueProcess>(script)
  await using producer = new Remote<QueueProcess>(script)
  await consumer.ask('consume', setup)
  await producer.ask('open', setup)
  await Promise.all([producer.ask('produce', warm), consumer.ask('seen', warm)])
  const cpu = async () => (await producer.ask('cpuUs')) + (await consumer.ask('cpuUs'))
  const [nodeBefore, redisBefore] = [await cpu(), await usage.cpuUs()]
  const startedAt = performance.now()
  const [, violations] = await Promise.all([producer.ask('produce', count), consumer.ask('seen', warm + count)])
  const seconds = (performance.now() - startedAt) / 1_000
  const [nodeAfter, redisAfter] = [await cpu(), await usage.cpuUs()]
  await Promise.all([producer.ask('close'), consumer.ask('close')])
  usage.close()
  return {
    perSecond: count / seconds,
    redisUs: (redisAfter - redisBefore) / count,
    nodeUs: (nodeAfter - nodeBefore) / count,
    violations,
  }
}
