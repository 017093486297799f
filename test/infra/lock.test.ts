import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

test('npm leaves nothing out on an older Node: no optional package in the lockfile names engines', () => {
  const run = () => execFileSync(process.execPath, ['infra/scripts/lock.ts', '--check'], { stdio: 'pipe' })
  expect(run).not.toThrow()
})
