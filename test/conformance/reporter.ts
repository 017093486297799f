import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { pageOf, type Result } from './page.ts'
import { type Row, rows, titleOf } from './rows.ts'

const page = new URL('../../docs/conformance.md', import.meta.url)

/** Writes docs/conformance.md from what a run found. */
export default class ConformanceReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    writeFileSync(
      page,
      pageOf(rows, (row) => resultOf(row, tests)),
    )
  }
}

function resultOf(row: Row, tests: readonly TestCase[]): Result {
  const mine = tests.filter((test) => shows(row, test))
  if (mine.length === 0) return 'not run'
  return mine.every((test) => test.ok()) ? 'holds' : 'fails'
}

function shows(row: Row, { name, module }: TestCase): boolean {
  const { standing } = row
  const file = relative(process.cwd(), module.moduleId)
  if (standing.kind === 'here') return file.startsWith('test/conformance/') && name === titleOf(row)
  return standing.kind === 'shown' && file === standing.file && name === standing.test
}
