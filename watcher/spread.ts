/** What a watcher says of one of its clusters. `Working`: reached, and another's. */
export type Candidacy = 'Owned' | 'Working' | 'Away'

/** What a watcher says of itself, to the others. */
export type Clustered = Readonly<Record<string, Candidacy>>

/** How long a free cluster is left to a watcher that owns less; if that one does not take it, it has its reasons. */
export const courtesyMs = 3_000

function owned(of: Clustered): number {
  return Object.values(of).filter((one) => one === 'Owned').length
}

/** Whether a cluster that is free is left to another: to one that could take it and owns less. */
export function leaves(name: string, mine: Clustered, others: readonly Clustered[]): boolean {
  return others.some((other) => other[name] === 'Working' && owned(other) < owned(mine))
}

/** Whether another could take the cluster. */
export function couldTake(name: string, others: readonly Clustered[]): boolean {
  return others.some((other) => other[name] === 'Working')
}

/** The clusters that are too many here, as long as somebody who owns at least two less could take them. */
export function surplus(mine: Clustered, others: readonly Clustered[]): string[] {
  const counts = new Map(others.map((other) => [other, owned(other)]))
  let left = owned(mine)
  const fairShare = Math.floor((left + [...counts.values()].reduce((a, b) => a + b, 0)) / (others.length + 1))
  const given: string[] = []
  for (const [name, candidacy] of Object.entries(mine)) {
    // below its fair share nobody goes: others may be giving to the same one at this moment
    if (left <= fairShare) break
    if (candidacy !== 'Owned') continue
    const takers = [...counts].filter(([other, count]) => other[name] === 'Working' && count + 2 <= left)
    const [taker] = takers.sort(([, a], [, b]) => a - b)
    if (!taker) continue
    counts.set(taker[0], taker[1] + 1)
    given.push(name)
    left--
  }
  return given
}
