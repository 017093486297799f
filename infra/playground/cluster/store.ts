import type { KubeObject } from './object.ts'

/** One write. Without `before` a creation, without `after` a removal. */
export interface Change {
  readonly revision: number
  readonly before?: KubeObject
  readonly after?: KubeObject
}

export interface Follower {
  change(change: Change): void
  /** The collection is served no more. */
  ended(): void
}

/** Counts the writes of a cluster, all resources together, as etcd does. */
export class Clock {
  #revision: number

  constructor(revision: number) {
    this.#revision = revision
  }

  get revision(): number {
    return this.#revision
  }

  next(): number {
    return ++this.#revision
  }
}

/** The objects of one resource, and the writes that led to them as far back as is remembered. */
export class Collection {
  readonly #clock: Clock
  readonly #history: number
  readonly #objects = new Map<string, KubeObject>()
  readonly #followers = new Set<Follower>()
  #changes: Change[] = []
  #compacted: number

  constructor(clock: Clock, history: number) {
    this.#clock = clock
    this.#history = history
    this.#compacted = clock.revision
  }

  /** Every change after this revision is remembered. */
  get compacted(): number {
    return this.#compacted
  }

  get revision(): number {
    return this.#clock.revision
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key)
  }

  /** By key, as etcd answers. */
  all(): KubeObject[] {
    return byKey(this.#objects)
  }

  /** As they were at a revision that is not compacted. */
  at(revision: number): KubeObject[] {
    const objects = new Map(this.#objects)
    for (const { before, after } of this.since(revision).reverse()) {
      if (before) objects.set(keyOf(before), before)
      else if (after) objects.delete(keyOf(after))
    }
    return byKey(objects)
  }

  since(revision: number): Change[] {
    return this.#changes.filter((change) => change.revision > revision)
  }

  /** Stores what `build` makes for the resourceVersion it gets. */
  put(build: (resourceVersion: string) => KubeObject): KubeObject {
    const revision = this.#clock.next()
    const after = build(String(revision))
    const before = this.#objects.get(keyOf(after))
    this.#objects.set(keyOf(after), after)
    this.#tell({ revision, after, ...(before && { before }) })
    return after
  }

  /** A removal has a revision of its own; the last state is told with it. */
  remove(key: string): void {
    const before = this.#objects.get(key)
    if (!before) return
    this.#objects.delete(key)
    this.#tell({ revision: this.#clock.next(), before })
  }

  follow(follower: Follower): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  compact(): void {
    this.#changes = []
    this.#compacted = this.#clock.revision
  }

  end(): void {
    for (const follower of [...this.#followers]) follower.ended()
  }

  #tell(change: Change): void {
    this.#changes.push(change)
    while (this.#changes.length > this.#history) this.#compacted = this.#changes.shift()!.revision
    for (const follower of [...this.#followers]) follower.change(change)
  }
}

export function keyOf(object: KubeObject): string {
  return keyFor(object.metadata.namespace, object.metadata.name)
}

export function keyFor(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

function byKey(objects: ReadonlyMap<string, KubeObject>): KubeObject[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
}
