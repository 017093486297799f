import { Misuse, type Values } from './cli-command.ts'

/** Returns the exit code of having said what was asked for. */
export function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

/** https://no-color.org: any value but the empty one. */
export function wantsColour(out: NodeJS.WriteStream): boolean {
  return out.isTTY === true && !process.env.NO_COLOR
}

/** Throws Misuse for a form that there is not. */
export function wantsJson({ json = false, output }: Values): boolean {
  if (output !== undefined && output !== 'json') throw new Misuse(`there is no output ${output}, only json`)
  return json || output === 'json'
}

/** Columns under their titles; what is undefined is `-`. */
export function table(titles: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  // what an API server says may have lines of its own
  const cells = rows.map((row) => row.map((cell) => String(cell ?? '-').replaceAll(/\s*\n\s*/g, ' ')))
  const all = [titles, ...cells]
  const widths = titles.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}
