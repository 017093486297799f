import { resourcesOf } from './definition.ts'
import { builtIns, definitions, type Resource } from './resources.ts'
import { Clock, Collection } from './store.ts'

/** What one API server holds: its objects, and which resources it serves. */
export class Plane {
  readonly #clock: Clock
  readonly #history: number
  readonly #collections = new Map<string, Collection>()

  constructor(history: number, revision = 0) {
    this.#clock = new Clock(revision)
    this.#history = history
    for (const resource of builtIns) this.open(resource)
  }

  get revision(): number {
    return this.#clock.revision
  }

  /** Those of custom resource definitions come after the built-in ones, in the order of their names. */
  resources(): Resource[] {
    const custom = this.collection(definitions)
      .all()
      .flatMap(resourcesOf)
      .filter((resource) => this.#collections.has(idOf(resource)))
    return [...builtIns, ...custom]
  }

  /** The versions of one resource share it. */
  collection(resource: Resource): Collection {
    return this.#collections.get(idOf(resource)) ?? this.open(resource)
  }

  open(resource: Resource): Collection {
    const collection = new Collection(this.#clock, this.#history)
    this.#collections.set(idOf(resource), collection)
    return collection
  }

  /** Its watches end, and it is served no more. */
  end(resource: Resource): void {
    const collection = this.#collections.get(idOf(resource))
    this.#collections.delete(idOf(resource))
    collection?.end()
  }

  compact(): void {
    for (const collection of this.#collections.values()) collection.compact()
  }

  endWatches(): void {
    for (const collection of this.#collections.values()) collection.end()
  }
}

function idOf({ group, plural }: Resource): string {
  return `${group}/${plural}`
}
