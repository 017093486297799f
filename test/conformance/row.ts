import { test } from 'vitest'
import { rows, titleOf } from './rows.ts'

/** The test of a row, under its number and its sentence. */
export function row(number: number, run: () => Promise<void>): void {
  const one = rows.find((row) => row.number === number)
  if (!one) throw new Error(`there is no row ${number}`)
  test(titleOf(one), run)
}
