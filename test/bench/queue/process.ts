import { serve } from '../remote.ts'
import { cpuUs } from '../usage.ts'
import { bullmq } from './bullmq.ts'
import {
  type Consumer,
  type Contender,
  type ContenderName,
  type Producer,
  podsOf,
  type Setup,
  take,
} from './contender.ts'
import { deltabridge } from './deltabridge.ts'
import { streams } from './streams.ts'
import { Tally } from './tally.ts'

const contenders: Record<ContenderName, Contender> = { deltabridge, bullmq, streams }
const tally = new Tally()
let producer: Producer | undefined
let consumer: Consumer | undefined
let pods: ReturnType<typeof podsOf> | undefined

const answers = serve({
  async open(setup: Setup) {
    pods = podsOf(setup.load)
    producer = await contenders[setup.contender].openProducer(setup)
  },
  async consume(setup: Setup) {
    consumer = await contenders[setup.contender].openConsumer(setup, (pod) => tally.deliver(pod))
  },
  produce: (count: number) => producer!.produce(take(count, pods!)),
  seen: (count: number) => tally.reached(count),
  cpuUs,
  async close() {
    await producer?.close()
    await consumer?.close()
  },
})

/** A producer or a consumer in a process of its own. */
export type QueueProcess = typeof answers
