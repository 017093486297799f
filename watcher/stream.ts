import type { MissingRule, StreamState } from '../core/status.ts'
import type { TriggerRecord } from '../core/triggers.ts'
import type { ClusterIdentity } from './cluster-identity.ts'
import { Committer, type CommitterContext } from './committer.ts'
import type { Connection } from './connection.ts'
import type { ListSlots } from './list-slots.ts'
import { type Gate, listWatch, type Past, realSleep, type Sleep } from './list-watch.ts'
import { confirmDeletion, SuspiciousList } from './mass-deletion.ts'
import { missingRule, ruleText } from './missing-rule.ts'
import { type Query, selectorHash } from './query.ts'
import { deleted, missing, seen } from './reflector.ts'
import { FencedOff, Rewound } from './stream-store.ts'
import type { WatchEvent } from './watch-event.ts'
import type { WatchFailure } from './watch-failure.ts'
import type { WatchListSupport } from './watch-list-support.ts'

/** What people are told of a stream; `reason` in the API's own words. */
export interface StreamStatus {
  readonly state: StreamState
  readonly reason?: string
  readonly message?: string
  readonly missing?: MissingRule
  readonly objects: number
  readonly resourceVersion: string
  /** Since its last sign of life. */
  readonly lagMs: number
}

interface Trouble {
  readonly state: StreamState
  readonly reason: string
  readonly message: string
  readonly missing?: MissingRule
}

export interface StreamContext extends CommitterContext {
  readonly api: Pick<Connection, 'open' | 'get'>
  readonly watchLists?: WatchListSupport
  readonly lists?: ListSlots
  readonly gate?: Gate
  readonly random?: () => number
  readonly sleep?: Sleep
  readonly askAfterMs?: number
  /** `gone`: its kind was not served before, and somebody waited for it. */
  readonly first?: 'birth' | 'gone'
  /** Holds the cluster to its identity. */
  readonly identity?: Pick<ClusterIdentity, 'check' | 'doubt'>
  /** The API server does not know the kind, for now. */
  readonly onUnknownKind?: () => void
}

/** How long a list that is not believed is left alone. */
const suspicionMs = 15_000

/**
 * One list-watch made durable: what it tells is folded into batches, and each batch is committed in one step with what it
 * makes of known and of the mailboxes. Whatever goes wrong, there is one way back: claim the stream, go on from what Redis holds.
 */
export class Stream {
  readonly #c: StreamContext
  readonly #selected: boolean
  #triggers: readonly TriggerRecord[]
  #committer: Committer | undefined
  #connected = false
  #trouble: Trouble | undefined
  #heardAt = performance.now()
  #kindRemoved = false
  #troubledSince: number | undefined
  #endRound: () => void = () => {}

  constructor(context: StreamContext, triggers: readonly TriggerRecord[]) {
    this.#c = context
    this.#triggers = triggers
    this.#selected = selectorHash(context.query) !== ''
  }

  get query(): Query {
    return this.#c.query
  }

  get status(): StreamStatus {
    const phase = this.#committer?.phase
    const state = phase !== 'live' ? 'Syncing' : this.#connected ? 'Live' : 'Pending'
    const gone = phase === 'gone' && this.#trouble?.reason === 'NotFound' && ({ state: 'Gone' } as const)
    const objects = this.#committer?.known.size ?? 0
    const resourceVersion = this.#committer?.resourceVersion ?? ''
    return { state, ...this.#trouble, ...gone, objects, resourceVersion, lagMs: performance.now() - this.#heardAt }
  }

  /** Whether this process has found out how it stands. */
  get claimed(): boolean {
    return this.#committer !== undefined
  }

  /** Whether its first list has been committed, by this process or another. */
  get synced(): boolean {
    return this.#committer !== undefined && this.#committer.phase !== 'birth' && this.#committer.phase !== 'gone'
  }

  /** The position from which on a trigger hears everything here; undefined while it does not. */
  heardSince(triggerId: string): string | undefined {
    return this.#committer?.heardSince(triggerId)
  }

  /** For how long it has been in trouble. */
  get troubledMs(): number {
    return this.#troubledSince === undefined ? 0 : performance.now() - this.#troubledSince
  }

  /** Ids of the triggers that are on the stream, as Redis has confirmed it. */
  attached(): Iterable<string> {
    return this.#committer?.attached ?? []
  }

  /** The triggers that shall be on the stream; they join and leave at the next batch boundary that allows it. */
  setTriggers(triggers: readonly TriggerRecord[]): void {
    this.#triggers = triggers
    this.#committer?.setTriggers(triggers)
  }

  /** Its kind is confirmed to be gone, and so is every object of it. */
  removeKind(): void {
    if (this.#committer?.phase === 'gone') return
    this.#kindRemoved = true
    this.#endRound()
  }

  /** There is reason to hope that what failed works now: it does not wait any longer. */
  tryAgain(): void {
    this.#endRound()
  }

  /** Runs until `signal` aborts; what was read and not committed by then will be read again. Throws FencedOff. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#round(signal)
      } catch (error) {
        if (error instanceof FencedOff) throw error
        if (signal.aborted) return
        const message = error instanceof Error ? error.message : String(error)
        this.#connected = false
        if (error instanceof SuspiciousList) {
          await this.#doubt(error, signal)
          continue
        }
        if (error instanceof Rewound) this.#c.log.warn({ err: message }, 'stream goes back to its checkpoint')
        else {
          this.#c.log.warn({ err: message }, 'stream broke off; it goes on from its checkpoint')
          this.#trouble = { state: 'Retrying', reason: 'RedisUnavailable', message }
        }
        await this.#c.redisAgain(signal).catch(() => {})
      }
    }
  }

  /** Tells people, and waits: whatever answers so may be mended meanwhile. */
  async #doubt({ message }: SuspiciousList, signal: AbortSignal): Promise<void> {
    const { random = Math.random, sleep = realSleep, log } = this.#c
    if (this.#trouble?.state !== 'Suspicious') log.warn({ err: message }, 'a list is not believed; listing again later')
    this.#trouble = { state: 'Suspicious', reason: 'MassDeletion', message }
    await sleep(suspicionMs * (1 + random()), signal)
  }

  /** From a claim on, until something breaks it. */
  async #round(signal: AbortSignal): Promise<void> {
    const { store, query } = this.#c
    const record = await store.claim(this.#c.freshName(), this.#c.first)
    const end = new AbortController()
    const broken: unknown[] = []
    const ended = AbortSignal.any([signal, end.signal])
    const committer = new Committer(this.#c, record, this.#triggers, ended, (error) => {
      broken.push(error)
      end.abort()
    })
    this.#committer = committer
    this.#endRound = () => end.abort()
    this.#connected = false
    // what is suspicious is so until a list is believed
    if (this.#trouble?.state !== 'Suspicious') this.#trouble = undefined
    try {
      // a stream begins to list with those on it who want to hear of what is there
      await committer.triggersSettled()
      if (this.#kindRemoved) return await this.#deleteAll(committer)
      const from = record.phase === 'live' && !committer.rewound ? record.resourceVersion : undefined
      const listed = new Set<string>()
      const past: Past = {
        get recorded() {
          return committer.recorded
        },
        isBehind: (ask) => this.#isBehind(ask, committer, ended),
      }
      for await (const events of listWatch({ ...this.#c, query, from, signal: ended, past })) {
        for (const event of events) {
          if (event.type !== 'Failed') this.#heardAt = performance.now()
          const taken = this.#take(event, committer, listed, ended)
          if (taken) await taken
        }
        committer.flush()
      }
      // whatever was read before the end is committed, unless it was the commit that broke
      await committer.settled()
    } finally {
      end.abort()
      await committer.settled()
    }
    if (broken.length > 0) throw broken[0]
  }

  async #deleteAll(committer: Committer): Promise<void> {
    if (committer.phase !== 'gone') {
      for (const uid of [...committer.known.uids()])
        await committer.fill(({ batch }) => batch.add(missing(batch.draft, uid, 'ResourceRemoved')))
      await committer.fill((last) => committer.endKind(last))
      await committer.settled()
    }
    if (committer.phase === 'gone') this.#kindRemoved = false
  }

  /** Returns what to wait for, if there is anything. */
  #take(event: WatchEvent, committer: Committer, listed: Set<string>, signal: AbortSignal): Promise<void> | undefined {
    switch (event.type) {
      case 'Connected':
        this.#connected = true
        this.#trouble = undefined
        this.#troubledSince = undefined
        return undefined
      case 'Failed':
        this.#failed(event)
        return undefined
      case 'Init':
        listed.clear()
        this.#connected = false
        committer.beginList()
        return undefined
      case 'InitApply': {
        listed.add(event.object.uid)
        // under a selector it may have left and come back unseen
        const how = { reentered: this.#selected, rewound: committer.rewound }
        return committer.fill(({ batch }) => batch.add(seen(batch.draft, event.object, committer.n, how)))
      }
      case 'InitDone':
        return this.#finishList(event.resourceVersion, committer, listed, signal)
      case 'Apply':
      case 'Delete':
        return committer.fill((building) => {
          const { batch } = building
          const how = { rewound: committer.listing && committer.rewound }
          batch.add(
            event.type === 'Apply'
              ? seen(batch.draft, event.object, committer.n, how)
              : deleted(batch.draft, event.object),
          )
          // within a list that is being streamed there is no position yet
          if (committer.listing) listed.delete(event.object.uid)
          else building.moveTo(event.object.resourceVersion)
        })
      case 'Bookmark':
        return committer.fill((building) => building.moveTo(event.resourceVersion))
      default:
        return event satisfies never
    }
  }

  async #isBehind(ask: () => Promise<string | undefined>, committer: Committer, signal: AbortSignal): Promise<boolean> {
    const told = committer.rewound
    // another cluster is no past of this one
    await this.#c.identity?.check(signal)
    await committer.mark()
    const resourceVersion = await ask()
    if (resourceVersion !== undefined) await committer.compare(resourceVersion)
    if (committer.rewound && !told)
      this.#c.log.warn(
        { resourceVersion, known: committer.resourceVersion },
        'the cluster has gone back in time; listing to tell what that changed',
      )
    return committer.rewound
  }

  /** The list is complete, so what it did not hold is gone. */
  async #finishList(
    resourceVersion: string,
    committer: Committer,
    listed: Set<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const rewound = committer.rewound
    if (committer.recorded) await committer.compare(resourceVersion)
    if (committer.rewound && !rewound) throw new Rewound('the cluster went back in time while it was listed')
    // what a list before this one told, and broke off, may still be on its way into known
    committer.flush()
    await committer.settled()
    const { known } = committer
    const gone = [...known.uids()].filter((uid) => !listed.has(uid))
    await confirmDeletion({ api: this.#c.api, query: this.#c.query, signal, known, gone })
    for (const uid of gone) {
      await committer.fill(({ batch }) => batch.add(missing(batch.draft, uid, 'MissedWhileDisconnected')))
    }
    await committer.fill((last) => committer.endList(last, resourceVersion))
    listed.clear()
  }

  #failed({ failure, retryInMs }: Extract<WatchEvent, { type: 'Failed' }>): void {
    const { reason, message } = failure
    const before = this.#trouble
    this.#connected = false
    this.#troubledSince ??= performance.now()
    this.#c.identity?.doubt()
    this.#trouble = this.#troubleOf(failure)
    const { missing } = this.#trouble
    if (reason === 'NotFound') this.#c.onUnknownKind?.()
    const fields = {
      reason,
      err: message,
      ...(missing && { missing: ruleText(missing) }),
      retryInMs: Math.round(retryInMs),
    }
    if (failure.next === 'list') this.#c.log.info(fields, 'history is gone; listing to find what was missed')
    // told once, not at every try
    else if (before?.reason !== reason) this.#c.log.warn(fields, 'watch failed; trying again')
  }

  /** What is not allowed is a matter for people, and they are told the very rule. */
  #troubleOf({ reason, message, invalid }: WatchFailure): Trouble {
    if (invalid) {
      const triggers = this.#triggers.map(({ name }) => name).join(', ')
      return { state: 'Invalid', reason, message: `${message}; asked for by ${triggers}` }
    }
    if (reason === 'Forbidden') {
      const missing = missingRule(this.#c.query, message)
      return { state: 'Blocked', reason, message: `${message}; the missing rule: ${ruleText(missing)}`, missing }
    }
    return { state: reason === 'Unauthorized' ? 'Blocked' : 'Retrying', reason, message }
  }
}
