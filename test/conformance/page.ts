import type { Row } from './rows.ts'

/** What became of a row in a run. */
export type Result = 'holds' | 'fails' | 'not run'

/** The page of all rows, as Markdown. `resultOf`: of a row that a test shows. */
export function pageOf(rows: readonly Row[], resultOf: (row: Row) => Result): string {
  const told = rows.map((row) => ({ ...row, ...tell(row, resultOf) }))
  const counts = Object.entries(Object.groupBy(told, ({ word }) => word))
  const summary = counts.map(([word, some]) => `${some?.length ?? 0} ${word.replace('holds', 'hold')}`).join(', ')
  const lines = told.map(({ number, sentence, text }) => `| ${number} | ${cell(sentence)} | ${cell(text)} |`)
  return `# Conformance

What a list-watch has to get right, row by row, and whether this one does. Written by \`npm run conformance\` from the run of the
tests that it names; a row without a file is a test of [test/conformance](../test/conformance).

${rows.length} rows: ${summary}.

| row | what has to be so | here |
|---|---|---|
${lines.join('\n')}
`
}

function tell(row: Row, resultOf: (row: Row) => Result): { readonly word: string; readonly text: string } {
  const { standing } = row
  if ('why' in standing) return { word: standing.kind, text: `${standing.kind}: ${standing.why}` }
  const word = resultOf(row)
  return { word, text: standing.kind === 'here' ? word : `${word} (${standing.file}: ${standing.test})` }
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
