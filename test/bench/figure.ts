/** One line of what `npm run bench` prints. */
export interface Figure {
  readonly bench: string
  readonly metric: string
  readonly us: number
  readonly peer: number | null
  readonly peerName: string | null
  /** us ÷ peer, the median of the rounds: both of a round ran on the same machine in the same minute. */
  readonly ratio: number | null
  readonly unit: string
}

/** What was measured of somebody else, round by round, in the same order as ours. */
export interface Peer {
  readonly name: string
  readonly rounds: readonly number[]
}

export function figure(bench: string, metric: string, unit: string, us: readonly number[], peer?: Peer): Figure {
  return {
    bench,
    metric,
    us: rounded(median(us)),
    peer: peer ? rounded(median(peer.rounds)) : null,
    peerName: peer?.name ?? null,
    ratio: peer ? rounded(median(us.map((value, round) => value / peer.rounds[round]!))) : null,
    unit,
  }
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
