/** What a stream remembers of one object. */
export interface KnownObject {
  /** `<namespace>/<name>`, or the name alone. */
  readonly key: string
  readonly resourceVersion: string
  /** Its resourceVersion when it came in. */
  readonly since: string
  /** How often the cluster had been rewound when it came in. */
  readonly n: number
  /** Reference to its last payload, on streams that keep it; else ''. */
  readonly payload: string
}

/** `resourceVersion\nsince\nn\npayload\nkey`; commit.lua reads the payload. */
export function encodeKnown(known: KnownObject): string {
  return `${known.resourceVersion}\n${known.since}\n${known.n}\n${known.payload}\n${known.key}`
}

export function decodeKnown(text: string): KnownObject {
  const [resourceVersion, since, n, payload, ...key] = text.split('\n')
  return { resourceVersion: resourceVersion!, since: since!, n: Number(n), payload: payload!, key: key.join('\n') }
}

/** What a draft stands on: `known`, or the draft of the batch that is under way. */
export interface KnownView {
  get(uid: string): KnownObject | undefined
  uidOf(key: string): string | undefined
}

/** uid -> known object, with the way back from an object's key to its uid. The last state that a commit confirmed. */
export class Known implements KnownView {
  readonly #objects = new Map<string, KnownObject>()
  readonly #uids = new Map<string, string>()

  get size(): number {
    return this.#objects.size
  }

  get(uid: string): KnownObject | undefined {
    return this.#objects.get(uid)
  }

  uidOf(key: string): string | undefined {
    return this.#uids.get(key)
  }

  uids(): IterableIterator<string> {
    return this.#objects.keys()
  }

  put(uid: string, object: KnownObject): void {
    this.#objects.set(uid, object)
    this.#uids.set(object.key, uid)
  }

  delete(uid: string): void {
    const object = this.#objects.get(uid)
    if (!object) return
    this.#objects.delete(uid)
    if (this.#uids.get(object.key) === uid) this.#uids.delete(object.key)
  }
}

/** What a batch would make of what is known, until the commit says that it happened. */
export class Draft implements KnownView {
  #base: KnownView
  readonly #changed = new Map<string, KnownObject | undefined>()
  readonly #uids = new Map<string, string | undefined>()

  constructor(base: KnownView) {
    this.#base = base
  }

  get(uid: string): KnownObject | undefined {
    return this.#changed.has(uid) ? this.#changed.get(uid) : this.#base.get(uid)
  }

  uidOf(key: string): string | undefined {
    return this.#uids.has(key) ? this.#uids.get(key) : this.#base.uidOf(key)
  }

  put(uid: string, object: KnownObject): void {
    this.#changed.set(uid, object)
    this.#uids.set(object.key, uid)
  }

  delete(uid: string): void {
    const object = this.get(uid)
    if (!object) return
    this.#changed.set(uid, undefined)
    if (this.uidOf(object.key) === uid) this.#uids.set(object.key, undefined)
  }

  /** The net change per uid: what the commit writes. */
  *puts(): Generator<[uid: string, object: KnownObject]> {
    for (const [uid, object] of this.#changed) if (object) yield [uid, object]
  }

  *deletes(): Generator<[uid: string, key: string]> {
    for (const [uid, object] of this.#changed) {
      const before = this.#base.get(uid)
      if (!object && before) yield [uid, before.key]
    }
  }

  /** After the commit's OK. */
  foldInto(known: Known): void {
    for (const [uid, object] of this.#changed) if (!object) known.delete(uid)
    for (const [uid, object] of this.#changed) if (object) known.put(uid, object)
  }

  /** What this draft stood on has been folded into `known`: it need not be remembered beside it. */
  rebase(known: Known): void {
    this.#base = known
  }
}
