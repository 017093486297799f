import type { Log } from '../core/log.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import { Batch, type Phase } from './batch.ts'
import type { Known } from './known.ts'
import { type Matcher, matcherOf } from './match.ts'
import type { Query } from './query.ts'
import { compareResourceVersions } from './resource-version.ts'
import { FencedOff, Rewound, type StreamRecord, type StreamStore } from './stream-store.ts'

export interface CommitterContext {
  readonly cluster: string
  readonly query: Query
  readonly store: StreamStore
  /** A drain's job is to be added; must not throw. */
  readonly addDrain: (triggerId: string, drainId: string) => void
  /** Resolves when Redis takes commands again, never sooner than a moment; rejects when `signal` aborts. */
  readonly redisAgain: (signal: AbortSignal) => Promise<void>
  /** Never used before. */
  readonly freshName: () => string
  readonly log: Log
  readonly now: () => Date
}

/** A batch that is being filled, with what will be true once it is committed. */
export interface Building {
  readonly batch: Batch
  /** The stream's position after it. Never goes back. */
  readonly resourceVersion: string
  moveTo(resourceVersion: string): void
}

/**
 * The writing half of a stream, from one claim to the next: batches are filled one after another, one commit is under way
 * at a time, and the state here is only ever what a commit has confirmed. When a full batch waits for the one under way,
 * `fill` waits too, and with it the reader. Triggers join and leave between two batches.
 */
export class Committer {
  readonly known: Known
  readonly n: number
  readonly #c: CommitterContext
  readonly #signal: AbortSignal
  readonly #broken: (error: unknown) => void
  readonly #attachments: Map<string, string>
  #phase: Phase
  #resourceVersion: string
  #revision: string
  #lastBatch: string
  #triggers: readonly TriggerRecord[]
  #triggersDue: boolean
  #matchers: readonly Matcher[]
  #listing = false
  #building: Draftable | undefined
  #committing: Draftable | undefined
  #pumping = false
  #waiting: (() => void)[] = []

  /** `broken` is told once if a commit shows that Redis does not hold what is thought here; nothing is committed after it. */
  constructor(
    context: CommitterContext,
    record: StreamRecord,
    triggers: readonly TriggerRecord[],
    signal: AbortSignal,
    broken: (error: unknown) => void,
  ) {
    this.#c = context
    this.#signal = signal
    this.#broken = broken
    this.known = record.known
    this.n = record.n
    this.#phase = record.phase
    this.#resourceVersion = record.resourceVersion
    this.#revision = record.revision
    this.#lastBatch = record.lastBatch
    this.#attachments = record.attachments
    this.#triggers = triggers
    this.#triggersDue = this.#unsettled()
    this.#matchers = this.#attachedMatchers()
    signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  get phase(): Phase {
    return this.#phase
  }

  get resourceVersion(): string {
    return this.#resourceVersion
  }

  /** Between beginList and endList. */
  get listing(): boolean {
    return this.#listing
  }

  get attachments(): ReadonlyMap<string, string> {
    return this.#attachments
  }

  setTriggers(triggers: readonly TriggerRecord[]): void {
    this.#triggers = triggers
    this.#triggersDue = this.#unsettled()
    this.flush()
  }

  /** Resolves when every trigger that may join or leave now has done so. */
  async triggersSettled(): Promise<void> {
    this.flush()
    await this.#until(() => !this.#joining())
  }

  /** From here on what is added belongs to a list, until `endList`. */
  beginList(): void {
    this.#listing = true
  }

  /** The batch being filled is the list's last: with its commit the stream is live, from the list's position on. */
  endList(building: Building, resourceVersion: string): void {
    const last = building as Draftable
    last.phase = 'live'
    last.resourceVersion = resourceVersion
    last.closed = true
    this.#listing = false
    this.flush()
  }

  /**
   * Waits for a batch that takes more and hands it over; not any more when the round is over. `use` fills it there and
   * then: a batch that somebody had been given a moment ago may be on its way to Redis by now.
   */
  fill(use: (building: Building) => void): Promise<void> | undefined {
    // nearly always there is room: an event must not cost a turn of the microtask queue
    if (this.#noRoom()) return this.#fillLater(use)
    this.#fillNow(use)
    return undefined
  }

  async #fillLater(use: (building: Building) => void): Promise<void> {
    while (this.#noRoom() && !this.#signal.aborted) {
      this.flush()
      await this.#until(() => !this.#noRoom())
    }
    this.#fillNow(use)
  }

  #fillNow(use: (building: Building) => void): void {
    if (this.#signal.aborted) return
    this.#building ??= this.#newBatch()
    use(this.#building)
  }

  #noRoom(): boolean {
    return this.#building?.closed || this.#building?.batch.full || this.#joining()
  }

  /** Sends what there is, unless something is under way: then it follows behind that. */
  flush(): void {
    if (!this.#pumping) void this.#pump()
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#pumping) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #newBatch(): Draftable {
    const before = this.#committing
    const phase = before?.phase ?? this.#phase
    const inList = this.#listing && phase !== 'birth' ? 'relisting' : phase
    const batch = new Batch(this.#c.freshName(), {
      cluster: this.#c.cluster,
      query: this.#c.query,
      base: before?.batch.draft ?? this.known,
      matchers: this.#matchers,
      phase: inList,
      now: this.#c.now,
    })
    return new Draftable(batch, inList, before?.resourceVersion ?? this.#resourceVersion)
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    try {
      for (;;) {
        if (this.#building) {
          this.#committing = this.#building
          this.#building = undefined
          this.#wake()
          await this.#commit(this.#committing)
          this.#committing = undefined
        } else if (this.#joining()) await this.#join()
        else break
        this.#wake()
      }
    } catch (error) {
      this.#broken(error)
    } finally {
      this.#pumping = false
      this.#wake()
    }
  }

  async #commit(building: Draftable): Promise<void> {
    const { batch, phase, resourceVersion } = building
    if (batch.empty && phase === this.#phase && resourceVersion === this.#resourceVersion) return
    const { store } = this.#c
    const pushes = await this.#insist(() => batch.pushes((references) => store.payloads(references)))
    const request = { batch, pushes, prev: this.#lastBatch, revision: this.#revision, phase, resourceVersion }
    const drains = await this.#insist((again) => store.commit({ ...request, again }))
    this.#lastBatch = batch.name
    this.#phase = phase
    this.#resourceVersion = resourceVersion
    batch.draft.foldInto(this.known)
    this.#building?.batch.draft.rebase(this.known)
    for (const [triggerId, drainId] of drains) this.#c.addDrain(triggerId, drainId)
  }

  /** Asks Redis until it answers: whether an unanswered commit applied, the next try of the same one is told. */
  async #insist<T>(ask: (again: boolean) => Promise<T>): Promise<T> {
    for (let again = false; ; again = true) {
      try {
        return await ask(again)
      } catch (error) {
        if (error instanceof FencedOff || error instanceof Rewound || this.#signal.aborted) throw error
        if (!again)
          this.#c.log.warn(
            { err: error instanceof Error ? error.message : String(error) },
            'Redis did not take a batch; reading stops until it does',
          )
        await this.#c.redisAgain(this.#signal)
      }
    }
  }

  /** Whether a trigger is to join or leave here and now: leaving is possible in any phase, joining not inside a relist. */
  #joining(): boolean {
    return this.#triggersDue && !this.#signal.aborted && this.#attachmentChanges().length > 0
  }

  /** Whether any trigger is to join or leave, now or later. */
  #unsettled(): boolean {
    const attached = this.#triggers.filter(({ id, hash }) => this.#attachments.get(id) === hash)
    return attached.length < this.#triggers.length || this.#attachments.size > attached.length
  }

  #attachmentChanges(): [triggerId: string, hash: string | undefined][] {
    const changes: [string, string | undefined][] = []
    const wanted = new Map(this.#triggers.map((trigger) => [trigger.id, trigger.hash]))
    for (const id of this.#attachments.keys()) if (!wanted.has(id)) changes.push([id, undefined])
    const relisting = this.#phase === 'relisting' || (this.#listing && this.#phase !== 'birth')
    if (relisting) return changes
    for (const [id, hash] of wanted) if (this.#attachments.get(id) !== hash) changes.push([id, hash])
    return changes
  }

  async #join(): Promise<void> {
    for (const [id, hash] of this.#attachmentChanges()) {
      this.#revision = await this.#insist(() => this.#c.store.attach(this.#lastBatch, id, hash))
      if (hash === undefined) this.#attachments.delete(id)
      else this.#attachments.set(id, hash)
    }
    // what could not join inside a relist stays due
    this.#triggersDue = this.#unsettled()
    this.#matchers = this.#attachedMatchers()
  }

  #attachedMatchers(): Matcher[] {
    return this.#triggers.filter(({ id }) => this.#attachments.has(id)).map(matcherOf)
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#signal.aborted) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

class Draftable implements Building {
  readonly batch: Batch
  phase: Phase
  resourceVersion: string
  closed = false

  constructor(batch: Batch, phase: Phase, resourceVersion: string) {
    this.batch = batch
    this.phase = phase
    this.resourceVersion = resourceVersion
  }

  moveTo(resourceVersion: string): void {
    if (this.resourceVersion === '' || (compareResourceVersions(resourceVersion, this.resourceVersion) ?? 1) > 0)
      this.resourceVersion = resourceVersion
  }
}
