import type { Claim, Result } from './queue/queue.ts'

/** An object in hand, whose deltas this drain delivers one after the other. */
export interface Held {
  readonly claim: Claim
  readonly takenAt: number
  readonly payloads: ReadonlyMap<string, Buffer>
  /** How many of the claim's entries are done with. */
  delivered: number
}

/** What a drain holds: objects that wait for a free handler, objects being delivered, and results that Redis has not been told. */
export class InHand {
  readonly #held = new Map<string, Held>()
  #waiting: Held[] = []
  #results: Result[] = []

  /** Of claims, as Redis will count them once it knows the present results. */
  get untold(): number {
    return this.#held.size - this.#results.length
  }

  get size(): number {
    return this.#held.size
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get results(): readonly Result[] {
    return this.#results
  }

  /** Held without waiting for a handler: a recovery takes them one by one. */
  hold(claims: readonly Claim[], payloads: ReadonlyMap<string, Buffer>): Held[] {
    const takenAt = performance.now()
    const fresh = claims.map((claim): Held => ({ claim, takenAt, payloads, delivered: 0 }))
    for (const held of fresh) this.#held.set(held.claim.object, held)
    return fresh
  }

  take(claims: readonly Claim[], payloads: ReadonlyMap<string, Buffer>): void {
    this.#waiting.push(...this.hold(claims, payloads))
  }

  next(most: number): Held[] {
    return this.#waiting.splice(0, most)
  }

  /** The rest of its entries go on before what waits. */
  again(held: Held): void {
    this.#waiting.unshift(held)
  }

  /** Whether it is still ours to tell of: a claim may have been given away meanwhile. */
  holds(held: Held): boolean {
    return this.#held.get(held.claim.object) === held
  }

  settle(result: Result): void {
    this.#results.push(result)
  }

  giveBackWaiting(): void {
    for (const { claim, delivered } of this.#waiting) this.#results.push({ what: 'back', claim, delivered })
    this.#waiting = []
  }

  /** Redis has taken these in: the oldest ones that there are. */
  told(results: readonly Result[]): void {
    this.#results = this.#results.slice(results.length)
    for (const { claim } of results) this.#held.delete(claim.object)
  }

  /** Redis' view of what we hold differs from ours, and holds. Returns the claims that are news to us. */
  resync(claims: readonly Claim[]): Claim[] {
    const numbers = new Map(claims.map((claim) => [claim.object, claim.number]))
    for (const [object, held] of this.#held) {
      if (numbers.get(object) !== held.claim.number) this.#held.delete(object)
    }
    this.#waiting = this.#waiting.filter((held) => this.holds(held))
    this.#results = this.#results.filter(({ claim }) => numbers.get(claim.object) === claim.number)
    return claims.filter((claim) => !this.#held.has(claim.object))
  }
}
