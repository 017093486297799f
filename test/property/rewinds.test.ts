import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { decodeEntry, type Entry } from '../../core/queue/entry.ts'
import { connectRedis, redisReady } from '../../core/redis/connection.ts'
import { shardKeys } from '../../core/redis/keys.ts'
import type { Query } from '../../watcher/query.ts'
import { Stream } from '../../watcher/stream.ts'
import { loadStreamScripts, StreamStore } from '../../watcher/stream-store.ts'
import { redisCorner } from '../support/redis.ts'
import { ClusterModel } from './cluster-model.ts'
import { FragileRedis } from './fragile-redis.ts'
import { allKeys } from './leftovers.ts'
import { runs, seed } from './runs.ts'

type Step =
  | { readonly do: 'write' | 'delete' | 'recreate'; readonly name: string }
  | { readonly do: 'compact' | 'end watches' | 'bookmark' | 'settle' }
  /** To what was there so many writes ago. */
  | { readonly do: 'restore'; readonly back: number }
  | { readonly do: 'fail list'; readonly fault: 'refused' | 'cut' | 'expired' }
  | { readonly do: 'break'; readonly mishap: 'dies before' | 'dies after' | 'loses answer'; readonly commands: number }
  | { readonly do: 'breathe'; readonly ticks: number }

const name = fc.constantFrom('a', 'b', 'c')
const mishap = fc.constantFrom('dies before' as const, 'dies after' as const, 'loses answer' as const)
const fault = fc.constantFrom('refused' as const, 'cut' as const, 'expired' as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constantFrom('write', 'write', 'delete', 'recreate'), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('restore'), back: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('compact', 'end watches', 'bookmark') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail list'), fault }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('break'), mishap, commands: fc.nat({ max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('breathe'), ticks: fc.integer({ min: 1, max: 20 }) }) },
)

const lanes = 4
const scripts = loadStreamScripts()
const query = (keepsOld: boolean): Query => ({
  clusterId: 'c1',
  resource: { group: '', version: 'v1', resource: 'configmaps' },
  kind: 'ConfigMap',
  namespaced: true,
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  keepsOld,
  startsFor: keepsOld ? 'keeping' : 'plain',
})

/** One stream that is started again whenever its process dies; what it tells stays in its trigger's mailboxes. */
class Line {
  readonly #corner: ReturnType<typeof redisCorner>
  readonly #prefix: string
  readonly #cluster: ClusterModel
  readonly #keepsOld: boolean
  readonly #end = new AbortController()
  readonly #running: Promise<void>
  #fragile: FragileRedis | undefined
  #names = 0
  #opened = 0
  #openedBefore = -1
  stream: Stream | undefined

  constructor(corner: ReturnType<typeof redisCorner>, prefix: string, cluster: ClusterModel, keepsOld: boolean) {
    this.#corner = corner
    this.#prefix = prefix
    this.#cluster = cluster
    this.#keepsOld = keepsOld
    this.#running = this.#run()
  }

  plan(kind: 'dies before' | 'dies after' | 'loses answer', commands: number): void {
    this.#fragile?.plan(kind, commands)
  }

  spare(): void {
    this.#fragile?.spare()
  }

  /** What was under way when the cluster was restored is no sign of rest. */
  restored(): void {
    this.#openedBefore = this.#opened
  }

  get settled(): boolean {
    if (this.#opened <= this.#openedBefore || this.#fragile?.dead) return false
    const { state, resourceVersion } = this.stream?.status ?? {}
    return state === 'Live' && resourceVersion === String(this.#cluster.rv)
  }

  async close(): Promise<void> {
    this.#end.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const redis = connectRedis(this.#corner.settings, 'commands')
      redis.on('error', () => {})
      await redisReady(redis, AbortSignal.timeout(10_000))
      const dead = new AbortController()
      this.#fragile = new FragileRedis(redis, () => dead.abort())
      const definition = { name: 't', gvk: ['v1/ConfigMap'], target: { function: 't' }, from: 'existing' } as const
      const id = this.#keepsOld ? 'keeping' : 'plain'
      const trigger = { id, name: id, state: 'active', sinceMs: 0, hash: 'h' } as const
      this.stream = new Stream(
        {
          cluster: 'prod',
          query: query(this.#keepsOld),
          store: new StreamStore(redis, shardKeys(this.#prefix, 0), 'owner', query(this.#keepsOld), scripts),
          api: {
            get: this.#cluster.get,
            open: (path, signal) => {
              this.#opened++
              return this.#cluster.open(path, signal)
            },
          },
          addDrain: () => {},
          redisAgain: tick,
          freshName: () => `${id}-${this.#names++}`,
          log: silentLog,
          now: () => new Date(0),
          sleep: tick,
          askAfterMs: 0,
        },
        [{ ...trigger, definition: { ...definition, ...(this.#keepsOld && { old: true }) } }],
      )
      await this.stream.run(AbortSignal.any([this.#end.signal, dead.signal]))
      await this.#fragile.settled()
      redis.disconnect()
    }
  }
}

const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

async function play(corner: ReturnType<typeof redisCorner>, prefix: string, steps: readonly Step[]): Promise<string[]> {
  const redis = await corner.connect()
  await redis.set(shardKeys(prefix, 0).owner('c1'), 'owner')
  const cluster = new ClusterModel(async () => {})
  // position 0 means something else
  cluster.put('a', {})
  const lines = [true, false].map((keepsOld) => new Line(corner, prefix, cluster, keepsOld))
  const settle = async () => {
    const until = performance.now() + 15_000
    // what is on its way into Redis shows a moment later
    for (let i = 0, restful = 0; restful < 4; i++) {
      restful = lines.every((line) => line.settled) ? restful + 1 : 0
      if (performance.now() > until) throw new Error('the streams do not come to rest')
      // a watch that starts in the future has nothing else to tell it
      if (i % 10 === 9) cluster.bookmark()
      await sleep(2)
    }
  }
  try {
    for (const step of steps) {
      if (step.do === 'write') cluster.put(step.name, { value: `${Math.random()}` })
      else if (step.do === 'delete') cluster.delete(step.name)
      else if (step.do === 'recreate') {
        cluster.delete(step.name)
        cluster.put(step.name, {})
      } else if (step.do === 'restore') {
        for (const line of lines) line.restored()
        cluster.restore(Math.max(1, cluster.rv - step.back))
        // one that grows past what was seen before anybody asks is not noticed, which the guarantees say
        await settle()
      } else if (step.do === 'settle') await settle()
      else if (step.do === 'compact') cluster.compact()
      else if (step.do === 'end watches') cluster.endWatches()
      else if (step.do === 'bookmark') cluster.bookmark()
      else if (step.do === 'fail list') cluster.failNextList(step.fault)
      else if (step.do === 'break') for (const line of lines) line.plan(step.mishap, step.commands)
      else if (step.do === 'breathe') for (let i = 0; i < step.ticks; i++) await tick()
    }
    cluster.healLists()
    for (const line of lines) line.spare()
    await settle()
    const told = await Promise.all(['keeping', 'plain'].map((id) => entries(redis, prefix, id)))
    return [...(await faults(cluster, told[0]!, redis, prefix)), ...(await faults(cluster, told[1]!))]
  } catch (error) {
    return [String(error)]
  } finally {
    await Promise.all(lines.map((line) => line.close()))
    const left = await allKeys(redis, `{${prefix}:*`)
    if (left.length > 0) await redis.unlink(...left)
    redis.disconnect()
  }
}

async function entries(
  redis: Awaited<ReturnType<ReturnType<typeof redisCorner>['connect']>>,
  prefix: string,
  id: string,
) {
  const mailboxes = await allKeys(redis, `${shardKeys(prefix, 0).queue(id)}:mb:*`)
  return Promise.all(mailboxes.map(async (key) => (await redis.lrange(key, 0, -1)).map(decodeEntry)))
}

/** Every way in which what was told does not add up to what is there. `redis`: where contents are kept. */
async function faults(
  cluster: ClusterModel,
  told: readonly Entry[][],
  redis?: Awaited<ReturnType<ReturnType<typeof redisCorner>['connect']>>,
  prefix = '',
): Promise<string[]> {
  const found: string[] = []
  const ids = new Set<string>()
  const present = new Map(cluster.present)
  for (const line of told) {
    let last: Entry | undefined
    for (const entry of line) {
      if (ids.has(entry.id)) found.push(`${entry.id} is told twice`)
      ids.add(entry.id)
      const continues = entry.type === 'Added' ? last === undefined : last?.uid === entry.uid
      if (!continues) found.push(`${entry.type} ${entry.id} does not follow ${last?.type} ${last?.id}`)
      last = entry.type === 'Deleted' ? undefined : entry
    }
    if (!last) continue
    const object = present.get(last.name)
    present.delete(last.name)
    if (object?.metadata.uid !== last.uid || object.metadata.resourceVersion !== last.resourceVersion)
      found.push(`${last.id} was told last, there is ${JSON.stringify(object?.metadata)}`)
    const [batch, field] = last.payload.split('/')
    const kept = await redis?.hget(shardKeys(prefix, 0).payloads(batch!), field!)
    if (kept && JSON.parse(kept).data.value !== object?.data.value)
      found.push(`${last.id} was told with another content`)
  }
  for (const name of present.keys()) found.push(`${name} is there and was not told`)
  return found
}

test('however often a cluster goes back in time, what is told adds up to what is there, and no id is given twice', {
  timeout: 60_000 + 1_000 * runs,
}, async () => {
  const corner = redisCorner()
  console.info(`${Math.ceil(runs / 2)} rewinds from seed ${seed}`)
  const lane = async (number: number) => {
    let played = 0
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const found = await play(corner, `${corner.prefix}-${number}-${played++}`, steps)
      if (found.length > 0) throw new Error(found.join('\n'))
    })
    return fc.check(property, {
      seed: seed + number,
      numRuns: Math.ceil(runs / 2 / lanes),
      interruptAfterTimeLimit: 60_000 + 500 * runs,
    })
  }
  for (const result of await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number))))
    expect(result.failed, `${fc.defaultReportMessage(result)}\n${result.errorInstance}`).toBe(false)
})
