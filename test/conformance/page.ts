import type { Row } from './rows.ts'

/** What became of a row in a run. */
export type Result = 'holds' | 'fails' | 'not run'

/** The page of all rows, as Markdown. */
export function pageOf(rows: readonly Row[], resultOf: (row: Row) => Result): string {
  const lines = rows.map((row) => `| ${row.number} | ${cell(row.sentence)} | ${cell(standingOf(row, resultOf))} |`)
  const counts = Object.entries(Object.groupBy(rows, (row) => wordOf(row, resultOf)))
  const summary = counts.map(([word, some]) => `${some?.length ?? 0} ${word}`).join(', ')
  return `# Conformance

What a list-watch has to get right, row by row, and whether this one does. Written by \`npm run conformance\` from the run of the
tests that it names; a row without a file is a test of [test/conformance](../test/conformance).

${rows.length} rows: ${summary}.

| row | what has to be so | here |
|---|---|---|
${lines.join('\n')}
`
}

function wordOf({ standing, ...row }: Row, resultOf: (row: Row) => Result): string {
  if (standing && 'open' in standing) return 'open'
  if (standing && 'retired' in standing) return 'retired'
  const result = resultOf({ ...row, ...(standing && { standing }) })
  return result === 'holds' ? 'hold' : result
}

function standingOf(row: Row, resultOf: (row: Row) => Result): string {
  const { standing } = row
  if (standing && 'open' in standing) return `open: ${standing.open}`
  if (standing && 'retired' in standing) return `retired: ${standing.retired}`
  return standing ? `${resultOf(row)} (${standing.shownBy}: ${standing.test})` : resultOf(row)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
