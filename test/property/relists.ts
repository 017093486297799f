import type { Listed } from './ledger.ts'

/**
 * What lists can have hidden from a stream: of what happened between the position where it stood and the position that a
 * list showed, only the difference is owed. Whether a list was this stream's is not known; one that was not hides too little to matter.
 */
export class Relists {
  readonly #ranges: readonly { readonly from: number; readonly to: number; readonly lasting: boolean }[]
  /** What the first list of a birth showed, and the last one. */
  readonly firstBirth: number
  readonly lastBirth: number

  constructor(lists: readonly Listed[], streamId: string) {
    const mine = lists.flatMap(({ rv, positions }) => {
      const from = positions.get(streamId)
      return from === undefined ? [] : [{ from, to: rv }]
    })
    // a list that was finished moved the stream to what it showed
    this.#ranges = mine.map(({ from, to }, i) => ({
      from,
      to,
      lasting: mine.slice(i + 1).every((later) => later.from >= to),
    }))
    const births = mine.filter(({ from }) => from === 0).map(({ to }) => to)
    this.firstBirth = Math.min(...births, Number.POSITIVE_INFINITY)
    this.lastBirth = Math.max(...births, 0)
  }

  /** Whether a list stands between the stream and what happened there. */
  cover(rv: number): boolean {
    return this.#ranges.some(({ from, to }) => from < rv && rv <= to)
  }

  /** Whether a list that was finished showed the state of `rv`, which lasted until `next`. */
  shown(rv: number, next: number | undefined): boolean {
    return this.#ranges.some(
      ({ from, to, lasting }) => lasting && from < rv && rv <= to && (next === undefined || next > to),
    )
  }
}
