/** Sums up what vitest's JSON reports in a folder say, prints `N passed, N failed` and exits 1 if anything failed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Report {
  numPassedTests: number
  numFailedTests: number
  testResults: { status: string; assertionResults: { status: string }[] }[]
}

const [folder = '.', failedChecks = '0'] = process.argv.slice(2)
let passed = 0
let failed = Number(failedChecks)

for (const file of readdirSync(folder).filter((name) => name.endsWith('.code'))) {
  const code = Number(readFileSync(join(folder, file), 'utf8'))
  const report = join(folder, file.replace(/code$/, 'json'))
  const counts = existsSync(report) ? countsOf(JSON.parse(readFileSync(report, 'utf8'))) : { passed: 0, failed: 0 }
  passed += counts.passed
  // a run that ended too early, or with an error that belongs to no test, has failed all the same
  failed += code !== 0 && counts.failed === 0 ? 1 : counts.failed
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/** A file that could not be loaded has no tests, and counts as one. */
function countsOf({ numPassedTests, numFailedTests, testResults }: Report): { passed: number; failed: number } {
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )
  return { passed: numPassedTests, failed: numFailedTests + broken.length }
}
