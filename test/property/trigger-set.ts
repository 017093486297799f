import type { Redis } from 'ioredis'
import type { ShardKeys } from '../../core/redis/keys.ts'
import { definitionHash, type TriggerDefinition, type TriggerRecord } from '../../core/triggers.ts'
import { demand, type WantedStream } from '../../watcher/demand.ts'
import type { TriggerKind } from './history.ts'
import type { Watched } from './ledger.ts'
import { clusterId } from './watcher-process.ts'

const mostTriggers = 4

/** The triggers in force, and what can be seen from outside of when each was on its stream. */
export class TriggerSet {
  readonly #redis: Redis
  readonly #keys: ShardKeys
  readonly #triggers = new Map<string, { readonly watched: Watched; record: TriggerRecord }>()
  #count = 0

  constructor(redis: Redis, keys: ShardKeys) {
    this.#redis = redis
    this.#keys = keys
  }

  get records(): readonly TriggerRecord[] {
    return [...this.#triggers.values()].map(({ record }) => record)
  }

  wanted(): Map<string, WantedStream> {
    return demand(clusterId, this.records, served)
  }

  /** undefined: there are enough. */
  async add(triggerKind: TriggerKind): Promise<Watched | undefined> {
    if (this.#triggers.size >= mostTriggers) return undefined
    const id = `t${this.#count++}`
    const definition: TriggerDefinition = {
      name: id,
      gvk: [kind.gvk],
      target: { function: id },
      ...filters[triggerKind],
    }
    const record = recordOf(id, definition)
    const streamId = [...demand(clusterId, [record], served).keys()][0]!
    const position = (await this.positions()).get(streamId)
    const watched: Watched = {
      id,
      kind: triggerKind,
      streamId,
      askedAt: position === 0 ? undefined : position,
      attachedAt: undefined,
      removedAt: undefined,
    }
    this.#triggers.set(id, { watched, record })
    return watched
  }

  /** Another definition that asks the server for the same and matches the same. */
  swap(which: number, target: string): void {
    const trigger = [...this.#triggers.values()][which]
    if (!trigger) return
    const { id, definition } = trigger.record
    trigger.record = recordOf(id, { ...definition, target: { function: target } })
  }

  async remove(which: number): Promise<void> {
    const trigger = [...this.#triggers.values()][which]
    if (!trigger) return
    this.#triggers.delete(trigger.record.id)
    trigger.watched.removedAt = (await this.positions()).get(trigger.watched.streamId) ?? 0
  }

  /** Notes which triggers have come to be on their streams. `rv`: of the cluster. */
  async look(rv: () => number): Promise<void> {
    for (const { watched, record } of this.#triggers.values()) {
      if (watched.attachedAt !== undefined) continue
      const phase = await this.#redis.hget(this.#keys.stream(watched.streamId), 'phase')
      const attached = await this.#redis.hexists(this.#keys.attachments(watched.streamId), record.id)
      if (attached === 1 && phase === 'live') watched.attachedAt = rv()
    }
  }

  /** Where each stream stands; 0: in birth. */
  async positions(): Promise<Map<string, number>> {
    const ids = await this.#redis.hkeys(this.#keys.streams)
    const positions = ids.map(async (id): Promise<[string, number]> => {
      const [phase, rv] = await this.#redis.hmget(this.#keys.stream(id), 'phase', 'resourceVersion')
      return [id, phase === 'birth' ? 0 : Number(rv)]
    })
    return new Map(await Promise.all(positions))
  }
}

const kind = {
  gvk: 'v1/ConfigMap',
  resource: { group: '', version: 'v1', resource: 'configmaps' },
  kind: 'ConfigMap',
  namespaced: true,
}

const served = new Map([[kind.gvk, kind]])

const types = ['Added', 'Updated', 'Deleted'] as const
const filters: Record<TriggerKind, Partial<TriggerDefinition>> = {
  now: {},
  old: { old: true },
  changed: { changed: ['data.value'], types },
  existing: { from: 'existing' },
  'existing old': { from: 'existing', old: true },
}

function recordOf(id: string, definition: TriggerDefinition): TriggerRecord {
  return { id, name: id, state: 'active', sinceMs: 0, hash: definitionHash(definition), definition }
}
