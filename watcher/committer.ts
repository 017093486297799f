import type { TriggerRecord } from '../core/triggers.ts'
import { Attachments } from './attachments.ts'
import { Batch, type Phase } from './batch.ts'
import { type Building, OpenBatch } from './building.ts'
import type { Known } from './known.ts'
import type { Query } from './query.ts'
import { compareResourceVersions } from './resource-version.ts'
import type { Position, StreamRecord } from './stream-store.ts'
import { StreamWriter, type StreamWriterContext } from './stream-writer.ts'

export interface CommitterContext extends StreamWriterContext {
  readonly cluster: string
  readonly query: Query
  /** Ids of the triggers that a birth tells of everything, because what they had been told of was lost. */
  readonly reset?: ReadonlySet<string> | undefined
  /** A drain's job is to be added; must not throw. */
  readonly addDrain: (triggerId: string, drainId: string) => void
  /** Never used before. */
  readonly freshName: () => string
  readonly now: () => Date
}

/**
 * The writing half of a stream, from one claim to the next: batches are filled one after another, one commit is under way
 * at a time, and the state here is only ever what a commit has confirmed. When a full batch waits for the one under way,
 * `fill` waits too, and with it the reader. Triggers join and leave between two batches.
 */
export class Committer {
  readonly known: Known
  readonly #c: CommitterContext
  readonly #signal: AbortSignal
  readonly #broken: (error: unknown) => void
  readonly #writer: StreamWriter
  readonly #attachments: Attachments
  #phase: Phase
  #resourceVersion: string
  /** What the stream was live at last, and what holds now: they differ while it makes up for what went back in time. */
  #n: number
  #position: Position
  #listing = false
  #building: OpenBatch | undefined
  #committing: OpenBatch | undefined
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
    this.#n = record.n
    this.#position = record.position
    this.#phase = record.phase
    this.#resourceVersion = record.resourceVersion
    this.#writer = new StreamWriter(context, record, signal)
    this.#attachments = new Attachments(record.attachments, triggers)
    if (record.phase === 'live') this.#attachments.live(record.resourceVersion)
    signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  get phase(): Phase {
    return this.#phase
  }

  get resourceVersion(): string {
    return this.#resourceVersion
  }

  /** How often the resource has gone back in time. */
  get n(): number {
    return this.#position.n
  }

  /** What is known is of a time that the cluster has gone back behind. */
  get rewound(): boolean {
    return this.#position.n > this.#n
  }

  /** Whether there is a position to compare others with. */
  get recorded(): boolean {
    return this.#position.highest !== ''
  }

  /** Takes note of how far the resource was seen: what is asked for after this and stands before it is of another past. */
  async mark(): Promise<void> {
    this.flush()
    await this.settled()
    this.#signal.throwIfAborted()
    this.#position = await this.#writer.position()
  }

  /** Told where the resource stands, as asked for after the last mark. */
  async compare(resourceVersion: string): Promise<void> {
    const before = this.#position
    if ((compareResourceVersions(resourceVersion, before.highest) ?? 0) >= 0) return
    const n = await this.#writer.countRewind(before, resourceVersion)
    this.#position = { n, highest: resourceVersion }
  }

  /** Between beginList and endList. */
  get listing(): boolean {
    return this.#listing
  }

  /** Ids of the triggers that are on the stream. */
  get attached(): Iterable<string> {
    return this.#attachments.ids
  }

  /** The position from which on the trigger hears everything here; undefined while it does not. */
  heardSince(triggerId: string): string | undefined {
    return this.#attachments.since(triggerId)
  }

  setTriggers(triggers: readonly TriggerRecord[]): void {
    this.#attachments.want(triggers)
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
    const last = building as OpenBatch
    last.phase = 'live'
    last.resourceVersion = resourceVersion
    last.n = this.n
    last.closed = true
    this.#listing = false
    this.flush()
  }

  /** The batch being filled is the last of a kind that is gone. */
  endKind(building: Building): void {
    const last = building as OpenBatch
    last.phase = 'gone'
    last.closed = true
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
    try {
      use(this.#building)
    } catch (error) {
      // it may hold half of a change; the round is over, and the next one reads all of it again
      this.#building = undefined
      throw error
    }
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

  #newBatch(): OpenBatch {
    const before = this.#committing
    const phase = before?.phase ?? this.#phase
    const inList = this.#listing && phase !== 'birth' ? 'relisting' : phase
    const batch = new Batch(this.#c.freshName(), {
      cluster: this.#c.cluster,
      query: this.#c.query,
      base: before?.batch.draft ?? this.known,
      matchers: this.#attachments.matchers,
      phase: inList,
      reset: this.#c.reset,
      now: this.#c.now,
    })
    return new OpenBatch(batch, inList, before?.resourceVersion ?? this.#resourceVersion, before?.n ?? this.#n)
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

  async #commit(building: OpenBatch): Promise<void> {
    const { batch, phase, resourceVersion, n } = building
    if (batch.empty && phase === this.#phase && resourceVersion === this.#resourceVersion) return
    const drains = await this.#writer.commit(building)
    this.#phase = phase
    this.#resourceVersion = resourceVersion
    this.#n = n
    if (this.#position.highest === '' && phase === 'live') this.#position = { n, highest: resourceVersion }
    if (phase === 'live') this.#attachments.live(resourceVersion)
    batch.draft.foldInto(this.known)
    this.#building?.batch.draft.rebase(this.known)
    for (const [triggerId, drainId] of drains) this.#c.addDrain(triggerId, drainId)
  }

  #joining(): boolean {
    return this.#attachments.due(this.#relisting) && !this.#signal.aborted
  }

  get #relisting(): boolean {
    return this.#phase === 'relisting' || (this.#listing && this.#phase !== 'birth')
  }

  async #join(): Promise<void> {
    for (const change of this.#attachments.changes(this.#relisting)) {
      await this.#writer.attach(change)
      this.#attachments.confirm(change)
    }
    this.#attachments.settle()
    if (this.#phase === 'live') this.#attachments.live(this.#resourceVersion)
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
