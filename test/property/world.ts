import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { type ShardKeys, shardKeys } from '../../core/redis/keys.ts'
import { ClusterModel } from './cluster-model.ts'
import { DispatcherProcess } from './dispatcher-process.ts'
import type { Step, TriggerKind } from './history.ts'
import { JobBoard } from './job-board.ts'
import { Ledger } from './ledger.ts'
import { TriggerSet } from './trigger-set.ts'
import { undone } from './undone.ts'
import { clusterId, WatcherProcess } from './watcher-process.ts'

/** How long a world that is left alone may take to come to rest. */
const restMs = 15_000

/** Something is still to be done, and nobody does it. */
export class NoRest extends Error {
  override name = 'NoRest'
  constructor(open: string) {
    super(`the world does not come to rest: ${open}`)
  }
}

/** A cluster, Redis, a watcher, two dispatchers, and what befalls them. Whoever is lost is replaced at once. */
export class World {
  readonly cluster: ClusterModel
  readonly ledger = new Ledger()
  readonly keys: ShardKeys
  readonly redis: Redis
  readonly board = new JobBoard()
  readonly triggers: TriggerSet
  readonly #connect: () => Promise<Redis>
  readonly #dispatchers: DispatcherProcess[] = []
  readonly #frozen: (WatcherProcess | DispatcherProcess)[] = []
  readonly #pending = new Set<Promise<unknown>>()
  #watcher: WatcherProcess | undefined
  #tokens = 0
  #closed = false

  /** `redis`: one that never fails, for looking on. `connect`: one for a process. */
  constructor(redis: Redis, prefix: string, connect: () => Promise<Redis>) {
    this.redis = redis
    this.keys = shardKeys(prefix, 0)
    this.triggers = new TriggerSet(redis, this.keys)
    this.#connect = connect
    this.cluster = new ClusterModel(async (rv) => {
      this.ledger.lists.push({ rv, positions: await this.triggers.positions() })
    })
  }

  async open(): Promise<void> {
    await Promise.all([this.#startWatcher(), this.#startDispatcher(), this.#startDispatcher()])
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#pending)
    for (const process of [...this.#dispatchers, ...this.#frozen]) void process.close()
    await this.#watcher?.close()
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'write':
        this.cluster.put(step.name, { [step.field]: String(this.cluster.rv + 1) })
        break
      case 'delete':
        this.cluster.delete(step.name)
        break
      case 'recreate':
        this.cluster.delete(step.name)
        this.cluster.put(step.name, {})
        break
      case 'compact':
        this.cluster.compact()
        break
      case 'end watches':
        this.cluster.endWatches()
        break
      case 'cut watches':
        this.cluster.cutWatches(step.cleanly)
        break
      case 'bookmark':
        this.cluster.bookmark()
        break
      case 'fail list':
        this.cluster.failNextList(step.fault)
        break
      case 'add trigger':
        await this.#addTrigger(step.kind)
        this.#watcher?.setTriggers(this.triggers.records)
        break
      case 'swap trigger':
        this.triggers.swap(step.which, `target-${this.cluster.rv}`)
        this.#watcher?.setTriggers(this.triggers.records)
        break
      case 'remove trigger':
        await this.triggers.remove(step.which)
        this.#watcher?.setTriggers(this.triggers.records)
        break
      case 'break watcher':
        this.#watcher?.fragile.plan(step.mishap, step.commands)
        break
      case 'break dispatcher':
        this.ledger.dispatcherMishaps++
        this.#dispatchers[step.which % this.#dispatchers.length]?.fragile.plan(step.mishap, step.commands)
        break
      case 'fail':
        this.ledger.failNext(step.name, step.type, step.times)
        break
      case 'sweep':
        await this.#sweep()
        break
      case 'thaw':
        await this.#thaw()
        break
      case 'settle':
        await this.#rest()
        break
      case 'breathe':
        for (let i = 0; i < step.ticks; i++) await new Promise((resolve) => setImmediate(resolve))
        break
      default:
        step satisfies never
    }
    await this.triggers.look(() => this.cluster.rv)
  }

  /** No more mishaps: everything goes on until nothing is left to do. */
  async finish(): Promise<void> {
    this.cluster.healLists()
    this.#watcher?.fragile.spare()
    for (const { fragile } of this.#dispatchers) fragile.spare()
    await this.#thaw()
    await this.#rest()
  }

  /** Until everybody has seen and delivered everything. */
  async #rest(): Promise<void> {
    const until = performance.now() + restMs
    for (let i = 1; ; i++) {
      await Promise.all(this.#pending)
      // a stream that is only about to be opened does not show yet
      const open = this.#watcher?.following === false ? 'streams are being opened' : await undone(this)
      await this.triggers.look(() => this.cluster.rv)
      if (open === '') return
      if (performance.now() > until) throw new NoRest(open)
      // what is lost between two steps is found by those who look from time to time
      if (i % 20 === 0) {
        await this.#sweep()
        this.#watcher?.setTriggers(this.triggers.records)
      }
      await sleep(2)
    }
  }

  async #addTrigger(kind: TriggerKind): Promise<void> {
    const watched = await this.triggers.add(kind)
    if (watched) this.ledger.triggers.push(watched)
  }

  async #startWatcher(): Promise<void> {
    const redis = await this.#connect()
    const token = `w${this.#tokens++}`
    // the lease of the one before has run out
    await this.redis.set(this.keys.owner(clusterId), token)
    const { keys, cluster, board } = this
    const onLost = () => {
      // one that goes on after it was replaced is told so late
      if (this.#watcher !== process) return
      this.#watcher = undefined
      if (process.fragile.frozen) this.#frozen.push(process)
      this.#later(async () => {
        await process.fragile.settled()
        if (process.fragile.dead) await process.close()
        await this.#startWatcher()
      })
    }
    const process = new WatcherProcess({ redis, keys, token, cluster, board, triggers: this.triggers.records, onLost })
    this.#watcher = process
  }

  async #startDispatcher(): Promise<void> {
    const redis = await this.#connect()
    const { keys, board, ledger } = this
    const process: DispatcherProcess = new DispatcherProcess({
      redis,
      keys,
      board,
      handle: (delivery, by, signal) => ledger.handle(delivery, by, signal),
      leaseRunsOut: (triggerId, drainId) => this.#runOut(triggerId, drainId),
      onLost: (jobs) => {
        this.#dispatchers.splice(this.#dispatchers.indexOf(process), 1)
        ledger.cut(process)
        if (process.fragile.frozen) this.#frozen.push(process)
        this.#later(async () => {
          await process.fragile.settled()
          if (process.fragile.dead) process.close()
          await Promise.all(jobs.map(({ triggerId, id }) => this.#runOut(triggerId, id)))
          for (const job of jobs) board.giveBack(job)
          await this.#startDispatcher()
        })
      },
    })
    this.#dispatchers.push(process)
  }

  #later(work: () => Promise<void>): void {
    if (this.#closed) return
    const promise = work().finally(() => this.#pending.delete(promise))
    this.#pending.add(promise)
  }

  async #thaw(): Promise<void> {
    await Promise.all(this.#pending)
    for (const process of this.#frozen.splice(0)) {
      if (process instanceof DispatcherProcess) await process.thaw()
      else {
        process.fragile.thaw()
        // time to find out that it owns nothing any more; if nothing happens to it, it never does
        await Promise.race([process.ended, sleep(20)])
        await process.close()
      }
    }
  }

  async #sweep(): Promise<void> {
    for (const { id } of this.ledger.triggers) {
      for (const drain of await this.redis.hkeys(`${this.keys.queue(id)}:armed`)) {
        // harmless where somebody is at it: its next sign of life ends it
        await this.#runOut(id, drain)
      }
      // it may freeze over it
      await Promise.race([this.#dispatchers[0]?.sweep(id).catch(() => {}), sleep(100)])
    }
  }

  /** The time that a drain's lease takes goes by, if it is as it was meanwhile. */
  async #runOut(triggerId: string, drainId: string): Promise<void> {
    const key = `${this.keys.queue(triggerId)}:armed`
    const value = await this.redis.hget(key, drainId)
    if (value === null) return
    await this.redis.eval(compareAndSet, 1, key, drainId, value, value.replace(/^\d+/, '1'))
  }
}

const compareAndSet = `
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end`
