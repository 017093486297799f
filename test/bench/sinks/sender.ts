import { setTimeout as sleep } from 'node:timers/promises'
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { Pool } from 'undici'
import type { AnyDelta } from '../../../core/delta.ts'
import { deliveryPolicy } from '../../../dispatcher/policy.ts'
import { cloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { eventTarget } from '../../../dispatcher/sinks/event-target.ts'
import { eventBridgeSink } from '../../../dispatcher/sinks/eventbridge.ts'
import { httpSink } from '../../../dispatcher/sinks/http.ts'
import type { Delivery, Target } from '../../../dispatcher/target.ts'
import { podNamespace } from '../pod.ts'
import { podsOf, take } from '../queue/contender.ts'
import { deltabridge, openWorker } from '../queue/deltabridge.ts'
import { serve } from '../remote.ts'
import { cpuUs } from '../usage.ts'

export interface Load {
  readonly kind: 'http' | 'eventbridge'
  readonly url: string
  /** Of one object's JSON. */
  readonly bytes: number
  readonly count: number
  /** Requests at once. */
  readonly inFlight: number
}

export interface Spent {
  readonly perSecond: number
  readonly cpuUs: number
}

const live = new AbortController().signal
const aws = { region: 'eu-west-1', credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' } }

function targetOf({ kind, url }: Pick<Load, 'kind' | 'url'>): Target {
  if (kind === 'http') return eventTarget(httpSink({ url: `${url}/in`, allowAddresses: ['127.0.0.1'] }))
  return eventTarget(eventBridgeSink({ bus: 'k8s', endpoint: url }))
}

function deliveriesOf({ bytes, count }: Pick<Load, 'bytes' | 'count'>): Delivery[] {
  return [...take(count, podsOf({ bytes, objects: count }))].map(({ identity, text }) => {
    const delta = {
      type: 'Updated',
      id: `${identity.uid}.${identity.resourceVersion}`,
      cluster: 'prod',
      gvk: 'v1/Pod',
      namespace: podNamespace,
      ...identity,
      observedAt: new Date().toISOString(),
      object: JSON.parse(text),
    } as AnyDelta
    const resource = { group: '', version: 'v1', resource: 'pods' }
    return { deliveryId: `bench/${delta.id}`, trigger: 'bench', delta, resource, attempt: 1 }
  })
}

/** So many at once until nothing is left. */
async function spend({ count, inFlight }: Load, send: (from: number) => Promise<number>): Promise<Spent> {
  let next = 0
  const worker = async (size: number) => {
    while (next < count) {
      const from = next
      next += size
      await send(from)
    }
  }
  const size = await send(0)
  const [cpuBefore, startedAt] = [cpuUs(), performance.now()]
  await Promise.all(Array.from({ length: inFlight }, () => worker(size)))
  const seconds = (performance.now() - startedAt) / 1_000
  return { perSecond: count / seconds, cpuUs: (cpuUs() - cpuBefore) / count }
}

/** The sink with what stands above it, as a drain calls it. */
async function sink(load: Load): Promise<Spent> {
  const target = targetOf(load)
  const deliveries = deliveriesOf(load)
  const spent = await spend(load, async (from) => {
    const outcomes = await target.deliver(deliveries.slice(from, from + target.maxBatch), live)
    if (outcomes.some(({ ok }) => !ok)) throw new Error(JSON.stringify(outcomes))
    return target.maxBatch
  })
  await target.close()
  return spent
}

/** The client that the sink uses, as anyone would who has the events and wants them sent. */
async function bare(load: Load): Promise<Spent> {
  const events = deliveriesOf(load).map(cloudEvent)
  if (load.kind === 'http') {
    const pool = new Pool(load.url, { connections: 128 })
    const spent = await spend(load, async (from) => {
      const { data, datacontenttype, ...attributes } = events[from]!
      const headers: Record<string, string> = { 'content-type': datacontenttype }
      for (const [name, value] of Object.entries(attributes)) headers[`ce-${name}`] = String(value)
      const response = await pool.request({ path: '/in', method: 'POST', headers, body: JSON.stringify(data) })
      await response.body.dump()
      return 1
    })
    await pool.destroy()
    return spent
  }
  const client = new EventBridgeClient({ ...aws, endpoint: load.url, cacheMiddleware: true })
  const spent = await spend(load, async (from) => {
    const Entries = events.slice(from, from + 10).map((event) => ({
      EventBusName: 'k8s',
      Source: 'dev.deltabridge',
      DetailType: event.type,
      Detail: JSON.stringify(event),
      Time: new Date(event.time),
    }))
    await client.send(new PutEventsCommand({ Entries }))
    return 10
  })
  client.destroy()
  return spent
}

export interface DrainLoad extends Load {
  readonly redisUrl: string
  readonly prefix: string
}

/** From a backlog in Redis through drains and the sink. */
async function drain(load: DrainLoad): Promise<Spent> {
  const { bytes, count, redisUrl: url, prefix } = load
  const setup = { contender: 'deltabridge', load: { bytes, objects: 5_000 }, url, prefix } as const
  const producer = await deltabridge.openProducer(setup)
  await producer.produce(take(count, podsOf(setup.load)))
  const warm = Promise.withResolvers<void>()
  const done = Promise.withResolvers<void>()
  let delivered = 0
  const target = told(targetOf(load), (batch) => {
    delivered += batch.length
    if (delivered >= count / 4) warm.resolve()
    if (delivered >= count) done.resolve()
  })
  const worker = await openWorker(setup, target, deliveryPolicy('sink', {}))
  // until everything is compiled
  await warm.promise
  const [from, cpuBefore, startedAt] = [delivered, cpuUs(), performance.now()]
  await done.promise
  const seconds = (performance.now() - startedAt) / 1_000
  const spent = { perSecond: (delivered - from) / seconds, cpuUs: (cpuUs() - cpuBefore) / (delivered - from) }
  await worker.close()
  await producer.close()
  await target.close()
  return spent
}

/** At a steady pace, from the watcher's hands until the sink has said ok; ms, of each. */
async function steady(load: DrainLoad, perSecond: number): Promise<number[]> {
  const { bytes, count, redisUrl: url, prefix } = load
  const setup = { contender: 'deltabridge', load: { bytes, objects: 5_000 }, url, prefix } as const
  const producer = await deltabridge.openProducer(setup)
  const done = Promise.withResolvers<void>()
  const started = new Map<string, number>()
  const took: number[] = []
  const target = told(targetOf(load), (batch) => {
    for (const { delta } of batch) took.push(performance.now() - started.get(delta.resourceVersion)!)
    if (took.length >= count) done.resolve()
  })
  const worker = await openWorker(setup, target, deliveryPolicy('sink', {}))
  const pods = podsOf(setup.load)
  const from = performance.now()
  const produced: Promise<void>[] = []
  for (let n = 0; n < count; n++) {
    const waitMs = from + (n * 1_000) / perSecond - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    const pod = pods.next().value
    started.set(pod.identity.resourceVersion, performance.now())
    produced.push(producer.produce([pod]))
  }
  await Promise.all(produced)
  await done.promise
  await worker.close()
  await producer.close()
  await target.close()
  return took
}

function told(target: Target, onDelivered: (batch: readonly Delivery[]) => void): Target {
  return {
    maxBatch: target.maxBatch,
    async deliver(batch, signal) {
      const outcomes = await target.deliver(batch, signal)
      onDelivered(batch.filter((_, n) => outcomes[n]?.ok))
      return outcomes
    },
    close: () => target.close(),
  }
}

const answers = serve({ sink, bare, drain, steady })

/** Who sends, in a process of its own. */
export type SenderProcess = typeof answers
