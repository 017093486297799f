import { afterAll, beforeAll, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { emptyProject, type Project, pack } from '../support/package.ts'

let project: Project

beforeAll(async () => {
  project = await emptyProject()
})

afterAll(() => project.remove())

test('npm installs the package with all that it needs, and npx runs it', async () => {
  const tarball = await pack(project)
  await project.run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball)
  expect(await project.run('npx', 'deltabridge', '--version')).toBe(`${packageJson.version}\n`)
  expect(await project.run('npx', 'deltabridge', 'start', '--help')).toContain('Example: deltabridge start')
})
