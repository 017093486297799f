import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const script = fileURLToPath(new URL('../../infra/scripts/ci-counts.ts', import.meta.url))

/** What one run of vitest left behind: its exit code, and its report unless it had none. */
interface Run {
  code: number
  report?: { passed: number; failed: number; brokenFiles?: number }
}

async function count(runs: Record<string, Run>, failedChecks = 0): Promise<{ says: string; code: number | null }> {
  const folder = await mkdtemp(join(tmpdir(), 'deltabridge-counts-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, { code, report }] of Object.entries(runs)) {
    await writeFile(join(folder, `${name}.code`), `${code}\n`)
    if (!report) continue
    const { passed, failed, brokenFiles = 0 } = report
    const broken = Array.from({ length: brokenFiles }, () => ({ status: 'failed', assertionResults: [] }))
    const file = {
      status: failed > 0 ? 'failed' : 'passed',
      assertionResults: [{ status: failed > 0 ? 'failed' : 'passed' }],
    }
    const whole = { numPassedTests: passed, numFailedTests: failed, testResults: [file, ...broken] }
    await writeFile(join(folder, `${name}.json`), JSON.stringify(whole))
  }
  const { stdout, status } = spawnSync(process.execPath, [script, folder, String(failedChecks)], { encoding: 'utf8' })
  return { says: stdout, code: status }
}

test('the counts of every run are summed up, alone on a line', async () => {
  const runs = {
    test: { code: 0, report: { passed: 300, failed: 0 } },
    e2e: { code: 0, report: { passed: 12, failed: 0 } },
  }
  expect(await count(runs)).toEqual({ says: '312 passed, 0 failed\n', code: 0 })
})

test('a failed test, and a failed check beside it, fail the whole', async () => {
  const runs = { test: { code: 1, report: { passed: 299, failed: 1 } } }
  expect(await count(runs, 2)).toEqual({ says: '299 passed, 3 failed\n', code: 1 })
})

test('a file that could not be loaded counts as a failure', async () => {
  const runs = { test: { code: 1, report: { passed: 299, failed: 0, brokenFiles: 1 } } }
  expect(await count(runs)).toEqual({ says: '299 passed, 1 failed\n', code: 1 })
})

test('a run that ended without a report, or failed outside of its tests, counts as a failure', async () => {
  expect(await count({ test: { code: 124 } })).toEqual({ says: '0 passed, 1 failed\n', code: 1 })
  const late = { test: { code: 1, report: { passed: 300, failed: 0 } } }
  expect(await count(late)).toEqual({ says: '300 passed, 1 failed\n', code: 1 })
})
