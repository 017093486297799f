import { randomUUID } from 'node:crypto'
import type { Bench, BenchContext } from './bench.ts'
import { type Figure, figure, quantile } from './figure.ts'
import { Remote } from './remote.ts'
import type { ReceiverProcess } from './sinks/receiver.ts'
import type { Load, SenderProcess, Spent } from './sinks/sender.ts'

const bench = 'sinks'

/** As far away as a region next door. */
const busDelayMs = 20
const bytes = 1_024
/** The receiver takes any credentials; the user's own must not be looked for. */
const aws = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'eu-west-1' }

interface Contest {
  readonly name: string
  readonly peerName: string
  readonly kind: Load['kind']
  readonly delayMs: number
  readonly count: number
  readonly inFlight: number
}

const contests: readonly Contest[] = [
  // the concurrency of a sink's trigger, in requests
  { name: 'EventBridge', peerName: 'AWS SDK', kind: 'eventbridge', delayMs: busDelayMs, count: 30_000, inFlight: 20 },
  { name: 'HTTP', peerName: 'undici', kind: 'http', delayMs: 0, count: 30_000, inFlight: 64 },
]

/** What a sink adds to the client it uses; what comes of it behind the queue; and how long a delta takes when nothing waits. */
export const sinks: Bench = async function* (context) {
  for (const contest of contests) yield* besideItsClient(context, contest)
  yield* fromBacklog(context)
  yield* atSteadyPace(context)
}

async function* besideItsClient({ rounds, quick }: BenchContext, contest: Contest): AsyncGenerator<Figure> {
  const { name, peerName, kind, delayMs, inFlight } = contest
  await using receiver = startReceiver()
  const url = await receiver.ask('listen', kind, delayMs)
  const load: Load = { kind, url, bytes, inFlight, count: quick ? contest.count / 10 : contest.count }
  const samples: { ours: Spent[]; peer: Spent[] } = { ours: [], peer: [] }
  for (let round = 0; round < rounds; round++) {
    for (const [whose, what] of [
      ['peer', 'bare'],
      ['ours', 'sink'],
    ] as const) {
      await using sender = startSender()
      // until everything is compiled
      await sender.ask(what, { ...load, count: load.count / 5 })
      samples[whose].push(await sender.ask(what, load))
    }
  }
  for (const [field, metric, unit] of [
    ['perSecond', 'events per second', 'events/s'],
    ['cpuUs', 'CPU per event', 'µs'],
  ] as const) {
    const peer = { name: peerName, rounds: samples.peer.map((sample) => sample[field]) }
    yield figure(
      bench,
      `${name}, ${metric}, 1 KB objects`,
      unit,
      samples.ours.map((sample) => sample[field]),
      peer,
    )
  }
}

async function* fromBacklog({ redis, rounds, quick }: BenchContext): AsyncGenerator<Figure> {
  const perSecond: number[] = []
  const batch: number[] = []
  for (let round = 0; round < rounds; round++) {
    await using receiver = startReceiver()
    await using sender = startSender()
    const url = await receiver.ask('listen', 'eventbridge', busDelayMs)
    const load = { kind: 'eventbridge', url, bytes, inFlight: 20, count: quick ? 4_000 : 40_000 } as const
    perSecond.push((await sender.ask('drain', { ...load, redisUrl: redis.url, prefix: fresh() })).perSecond)
    const { calls, entries } = await receiver.ask('seen')
    batch.push(entries / calls)
  }
  yield figure(bench, 'EventBridge, events per second from a backlog in Redis', 'events/s', perSecond)
  yield figure(bench, 'EventBridge, average batch from a backlog in Redis', 'entries', batch)
}

async function* atSteadyPace({ redis, rounds, quick }: BenchContext): AsyncGenerator<Figure> {
  const perSecond = 500
  const p50: number[] = []
  const p99: number[] = []
  for (let round = 0; round < rounds; round++) {
    await using receiver = startReceiver()
    await using sender = startSender()
    const url = await receiver.ask('listen', 'eventbridge', busDelayMs)
    const load = { kind: 'eventbridge', url, bytes, inFlight: 20, count: quick ? 1_000 : 5_000 } as const
    const took = await sender.ask('steady', { ...load, redisUrl: redis.url, prefix: fresh() }, perSecond)
    p50.push(quantile(took, 0.5))
    p99.push(quantile(took, 0.99))
  }
  yield figure(bench, `EventBridge, commit to answer, p50 at ${perSecond}/s`, 'ms', p50)
  yield figure(bench, `EventBridge, commit to answer, p99 at ${perSecond}/s`, 'ms', p99)
}

const startReceiver = () => new Remote<ReceiverProcess>(new URL('sinks/receiver.ts', import.meta.url))
const startSender = () => new Remote<SenderProcess>(new URL('sinks/sender.ts', import.meta.url), aws)
const fresh = () => `bench-${randomUUID().slice(0, 8)}`
