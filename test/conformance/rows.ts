import { readFileSync } from 'node:fs'

/** Where a row stands. */
export type Standing =
  /** A test of this folder shows it. */
  | { readonly kind: 'here' }
  /** Another test shows it, named as it stands in its file. */
  | { readonly kind: 'shown'; readonly file: string; readonly test: string }
  /** `retired`: it is of no use any more. `open`: it does not hold yet, or nothing shows that it does. */
  | { readonly kind: 'retired' | 'open'; readonly why: string }

/** A row of the list of what a list-watch has to get right. */
export interface Row {
  readonly number: number
  readonly sentence: string
  readonly standing: Standing
}

/** The rows, one a line: number, what has to be so, and where that is shown or why it is not. */
export const rows: readonly Row[] = readFileSync(new URL('rows.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => {
    const [number = '', sentence = '', where = ''] = line.split(' | ')
    return { number: Number(number), sentence, standing: standingOf(where) }
  })

function standingOf(where: string): Standing {
  if (where === 'here') return { kind: 'here' }
  const [head, why] = where.split(/: (.*)/s)
  if (!head || !why) throw new SyntaxError(`a row stands here, in a file, or is open or retired, not ${where}`)
  return head === 'retired' || head === 'open' ? { kind: head, why } : { kind: 'shown', file: head, test: why }
}

/** The name of its test, where it has one of its own. */
export function titleOf({ number, sentence }: Row): string {
  return `${number}: ${sentence}`
}
