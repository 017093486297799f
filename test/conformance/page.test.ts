import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { pageOf } from './page.ts'
import { rows } from './rows.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The rows that have a test in this folder. */
const tested = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.test.ts') && file !== 'page.test.ts')
  .flatMap((file) =>
    [...read(`test/conformance/${file}`).matchAll(/^row\((\d+),/gm)].map(([, number]) => Number(number)),
  )

test('all hundred rows are there', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
})

test('a row has a test of its own, or stands somewhere else, never both', () => {
  const own = rows.filter(({ standing }) => standing.kind === 'here').map(({ number }) => number)
  expect(tested.toSorted((a, b) => a - b)).toEqual(own)
})

test('a test that shows a row is there, under its name', () => {
  for (const { number, standing } of rows) {
    if (standing.kind === 'shown') expect(read(standing.file), `row ${number}`).toContain(`test('${standing.test}'`)
  }
})

test('the page says what the rows say: npm run conformance writes it', () => {
  expect(read('docs/conformance.md')).toBe(pageOf(rows, () => 'holds'))
})
