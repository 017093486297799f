import type { AnyObject } from '../core/delta.ts'
import { type Entry, encodeEntry, mailboxOf } from '../core/queue/entry.ts'
import { deltaId } from './delta-id.ts'
import { Draft, type KnownView } from './known.ts'
import type { Matcher } from './match.ts'
import { apiVersionOf, type Query, selectorHash } from './query.ts'
import { payloadOf } from './redact.ts'
import type { Change } from './reflector.ts'

/** `gone`: its kind is not served; what is there when it comes back is new. */
export type Phase = 'birth' | 'live' | 'relisting' | 'gone'

/** What a batch is built for: one stream as its owner knows it now. */
export interface BatchContext {
  readonly cluster: string
  readonly query: Query
  /** What is known, or will be when the batch before this one is committed. */
  readonly base: KnownView
  readonly matchers: readonly Matcher[]
  readonly phase: Phase
  /** Ids of the triggers that a birth tells of everything, because what they had been told of was lost. */
  readonly reset?: ReadonlySet<string> | undefined
  readonly now: () => Date
}

/** A delta for one trigger, ready for its mailbox. */
export interface Push {
  readonly triggerId: string
  readonly mailbox: string
  readonly entry: string
  /** The payloads that the entry refers to. */
  readonly references: readonly string[]
}

/** What has happened to a Deleted on a stream with a selector cannot be told from this stream alone. */
const deselected = 'DeletedOrDeselected'

/** A batch closes when it holds this many changes or bytes; a larger object is a batch by itself. */
const mostChanges = 200
const mostBytes = 8 << 20

/**
 * Collects the changes of one batch: folds them into a draft of `known`, keeps the payloads somebody needs, and in the end
 * says what goes into which mailbox.
 */
export class Batch {
  readonly name: string
  readonly draft: Draft
  readonly #payloads: Buffer[] = []
  readonly #context: BatchContext
  readonly #selector: string
  readonly #candidates: { change: Change; payload: string; matchers: readonly Matcher[] }[] = []
  #bytes = 0
  #changes = 0

  /** `name`: never used before, also not by a batch that failed. */
  constructor(name: string, context: BatchContext) {
    this.name = name
    this.#context = context
    this.#selector = selectorHash(context.query)
    this.draft = new Draft(context.base)
  }

  get full(): boolean {
    return this.#changes >= mostChanges || this.#bytes >= mostBytes
  }

  get empty(): boolean {
    return this.#changes === 0
  }

  /** Takes in what the reflector made of one watch event; `changes` must have been folded into this batch's draft. */
  add(changes: readonly Change[]): void {
    const { query, matchers, phase, reset } = this.#context
    for (const change of changes) {
      this.#changes++
      const slash = change.key.indexOf('/')
      const namespace = slash === -1 ? '' : change.key.slice(0, slash)
      const name = change.key.slice(slash + 1)
      // a trigger that starts with `now` matches nothing before the stream is live
      const wanted = matchers.filter(
        (matcher) =>
          (phase !== 'birth' || matcher.from === 'existing' || reset?.has(matcher.id)) &&
          matcher.wants(change.type, namespace, name),
      )
      let payload = change.finalStateUnknown ? (change.before ?? '') : ''
      if (change.object && (wanted.length > 0 || (query.keepsOld && change.type !== 'Deleted'))) {
        payload = this.#keep(change.object.bytes)
        if (query.keepsOld && change.type !== 'Deleted')
          this.draft.put(change.uid, { ...this.draft.get(change.uid)!, payload })
      }
      if (wanted.length > 0) this.#candidates.push({ change, payload, matchers: wanted })
    }
  }

  #keep(bytes: Buffer): string {
    const { query } = this.#context
    const kept = payloadOf(bytes, apiVersionOf(query.resource), query.kind, query.metadataOnly)
    this.#bytes += kept.length
    this.#payloads.push(kept)
    return `${this.name}/${this.#payloads.length - 1}`
  }

  /** Decides the rest of the match, which may need previous states: `load` reads those that are not of this batch. */
  async pushes(load: (references: ReadonlySet<string>) => Promise<ReadonlyMap<string, Buffer>>): Promise<Push[]> {
    const missing = new Set<string>()
    for (const { change, matchers } of this.#candidates) {
      if (needsOld(change) && matchers.some((matcher) => matcher.old) && !this.#own(change.before))
        missing.add(change.before)
    }
    const loaded = missing.size > 0 ? await load(missing) : new Map<string, Buffer>()
    const parse = (reference: string): AnyObject => {
      const bytes = this.#own(reference) ?? loaded.get(reference)
      if (!bytes) throw new Error(`the previous state ${reference} is not in Redis any more`)
      return JSON.parse(bytes.toString('utf8'))
    }
    const observedAt = this.#context.now().toISOString()
    const pushes: Push[] = []
    for (const { change, payload, matchers } of this.#candidates) {
      const compared =
        needsOld(change) && matchers.some((matcher) => matcher.old)
          ? { old: parse(change.before), object: parse(payload) }
          : undefined
      for (const matcher of matchers) {
        const changed = matcher.old && compared ? matcher.changed(compared.old, compared.object) : []
        if (change.doubtful && !changed?.length) continue
        if (changed) pushes.push(this.#push(change, payload, matcher, changed, observedAt))
      }
    }
    return pushes
  }

  /** The payloads that known or an entry will refer to. The others must not reach Redis: nothing would ever free them. */
  *payloads(pushes: readonly Push[]): Generator<[field: string, bytes: Buffer]> {
    const references = new Set(pushes.flatMap((push) => push.references))
    for (const [, { payload }] of this.draft.puts()) references.add(payload)
    for (const [field, bytes] of this.#payloads.entries()) {
      if (references.has(`${this.name}/${field}`)) yield [String(field), bytes]
    }
  }

  #own(reference: string): Buffer | undefined {
    const slash = reference.lastIndexOf('/')
    return reference.slice(0, slash) === this.name ? this.#payloads[Number(reference.slice(slash + 1))] : undefined
  }

  #push(change: Change, payload: string, matcher: Matcher, changed: readonly string[], observedAt: string): Push {
    const { cluster, query, phase, reset } = this.#context
    const slash = change.key.indexOf('/')
    const withOld = matcher.old && needsOld(change)
    const initial = change.type === 'Added' && phase === 'birth'
    const deleted = change.type === 'Deleted' && this.#selector !== ''
    const reason = initial && reset?.has(matcher.id) ? 'StateReset' : deleted ? deselected : change.reason
    const entry: Entry = {
      payload,
      old: withOld ? change.before : '',
      id: deltaId(change, this.#selector),
      type: change.type,
      cluster,
      gvk: `${apiVersionOf(query.resource)}/${query.kind}`,
      ...(slash !== -1 && { namespace: change.key.slice(0, slash) }),
      name: change.key.slice(slash + 1),
      uid: change.uid,
      resourceVersion: change.resourceVersion,
      resource: query.resource,
      hash: matcher.hash,
      ...(initial && { initial: true as const }),
      ...(change.finalStateUnknown && { finalStateUnknown: true as const }),
      ...(reason !== undefined && { reason }),
      ...(withOld && { changed }),
      observedAt,
    }
    return {
      triggerId: matcher.id,
      mailbox: mailboxOf(query.clusterId, query.resource, change.key),
      entry: encodeEntry(entry),
      references: [entry.payload, entry.old],
    }
  }
}

function needsOld(change: Change): change is Change & { before: string } {
  return change.type === 'Updated' && change.before !== undefined && change.before !== ''
}
