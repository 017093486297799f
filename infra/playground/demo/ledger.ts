/** A delta that a trigger got, or should get: by its id, which is the same whoever looks. */
export interface Told {
  readonly trigger: string
  readonly cluster: string
  readonly name: string
  readonly id: string
}

/** What the comparison of what had to come with what came says; all empty when every promise held. */
export interface Verdict {
  readonly lost: readonly Told[]
  readonly repeated: readonly Told[]
  readonly madeUp: readonly Told[]
  readonly outOfOrder: readonly Told[]
}

/** Holds what was delivered against what happened in the clusters. */
export class Ledger {
  readonly #expected: Told[] = []
  readonly #delivered: Told[] = []

  get deliveredCount(): number {
    return this.#delivered.length
  }

  get expectedCount(): number {
    return this.#expected.length
  }

  expect(told: Told): void {
    this.#expected.push(told)
  }

  deliver(told: Told): void {
    this.#delivered.push(told)
  }

  /** Whether everything expected so far has come. */
  get complete(): boolean {
    const delivered = new Set(this.#delivered.map(keyOf))
    return this.#expected.every((told) => delivered.has(keyOf(told)))
  }

  verdict(): Verdict {
    const expected = new Map(this.#expected.map((told, place) => [keyOf(told), place]))
    const seen = new Set<string>()
    const latest = new Map<string, number>()
    const repeated: Told[] = []
    const madeUp: Told[] = []
    const outOfOrder: Told[] = []
    for (const told of this.#delivered) {
      const key = keyOf(told)
      const place = expected.get(key)
      if (place === undefined) madeUp.push(told)
      else if (seen.has(key)) repeated.push(told)
      else {
        const line = `${told.trigger}/${told.cluster}/${told.name}`
        if (place < (latest.get(line) ?? -1)) outOfOrder.push(told)
        latest.set(line, place)
      }
      seen.add(key)
    }
    return { lost: this.#expected.filter((told) => !seen.has(keyOf(told))), repeated, madeUp, outOfOrder }
  }
}

function keyOf({ trigger, cluster, id }: Told): string {
  return `${trigger}/${cluster}/${id}`
}
