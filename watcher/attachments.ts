import type { TriggerRecord } from '../core/triggers.ts'
import { type Matcher, matcherOf } from './match.ts'

/** A trigger that is to join a stream or to have its definition swapped there (`hash`), or to leave it (undefined). */
export type AttachmentChange = readonly [triggerId: string, hash: string | undefined]

/** Who is on a stream, as Redis has confirmed it, beside who shall be. */
export class Attachments {
  /** trigger id -> hash of the definition that is attached */
  readonly #attached: Map<string, string>
  #wanted: readonly TriggerRecord[] = []
  /** Whether the two differ: asked for every event, so it is not worked out each time. */
  #unsettled = false
  #matchers: readonly Matcher[] = []
  /** trigger id -> the stream's position when it began to hear, as far as this process knows */
  readonly #since = new Map<string, string>()

  constructor(attached: ReadonlyMap<string, string>, wanted: readonly TriggerRecord[]) {
    this.#attached = new Map(attached)
    this.want(wanted)
    this.settle()
  }

  get ids(): Iterable<string> {
    return this.#attached.keys()
  }

  /** Of those that are attached, as of the last `settle`. */
  get matchers(): readonly Matcher[] {
    return this.#matchers
  }

  want(triggers: readonly TriggerRecord[]): void {
    this.#wanted = triggers
    this.#compare()
  }

  due(relisting: boolean): boolean {
    return this.#unsettled && this.changes(relisting).length > 0
  }

  /** What is to be done here and now: leaving is possible in any phase, joining not inside a relist. */
  changes(relisting: boolean): AttachmentChange[] {
    const changes: AttachmentChange[] = []
    const wanted = new Map(this.#wanted.map(({ id, hash }) => [id, hash]))
    for (const id of this.#attached.keys()) if (!wanted.has(id)) changes.push([id, undefined])
    if (relisting) return changes
    for (const [id, hash] of wanted) if (this.#attached.get(id) !== hash) changes.push([id, hash])
    return changes
  }

  /** Redis has it. */
  confirm([id, hash]: AttachmentChange): void {
    if (hash === undefined) {
      this.#attached.delete(id)
      this.#since.delete(id)
    } else this.#attached.set(id, hash)
  }

  /** The stream is live: whoever is attached hears everything from this position on. */
  live(resourceVersion: string): void {
    for (const id of this.#attached.keys()) if (!this.#since.has(id)) this.#since.set(id, resourceVersion)
  }

  /** The position from which on a trigger hears everything; undefined while it does not. */
  since(triggerId: string): string | undefined {
    return this.#since.get(triggerId)
  }

  /** Between two batches: from here on is matched by what is attached now. What could not join inside a relist stays due. */
  settle(): void {
    this.#compare()
    this.#matchers = this.#wanted.filter(({ id }) => this.#attached.has(id)).map(matcherOf)
  }

  #compare(): void {
    const there = this.#wanted.filter(({ id, hash }) => this.#attached.get(id) === hash)
    this.#unsettled = there.length < this.#wanted.length || this.#attached.size > there.length
  }
}
