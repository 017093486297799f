import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { emptyProject, type Project, pack, tsc, unpack } from './support/package.ts'

let project: Project

beforeAll(async () => {
  project = await emptyProject()
  await unpack(project, await pack(project))
}, 120_000)

afterAll(() => project.remove())

const write = (name: string, text: string) => writeFile(join(project.folder, name), text)

describe('the package', () => {
  test('has types: of the built-in kinds, of paths into them, and of kinds that a project adds', async () => {
    await write(
      'scaled.ts',
      `import { on } from 'deltabridge'
import type { V1Deployment } from 'deltabridge/kinds'
import { run, testDelta } from 'deltabridge/testing'

declare module 'deltabridge/kinds' {
  interface Kinds {
    'example.com/v1/Database': { spec: { user: string } }
  }
}

const scaled = on('apps/v1/Deployment', { changed: ['spec.replicas'] }, async (delta, { log }) => {
  const deployment: V1Deployment = delta.old
  log.info({ from: deployment.spec?.replicas, to: delta.object.spec?.replicas }, 'scaled')
})
export default scaled
export const result = run(scaled, testDelta('apps/v1/Deployment', { type: 'Updated', old: {} }))
export const users = on('example.com/v1/Database', { types: ['Added'] }, ({ object }) => object.spec.user.length)
// @ts-expect-error no such field
on('apps/v1/Deployment', { changed: ['spec.replica'] }, () => {})
`,
    )
    await write(
      'tsconfig.json',
      `{ "compilerOptions": { "module": "nodenext", "target": "es2024", "lib": ["es2024"], "types": ["node"],
         "strict": true, "noEmit": true }, "files": ["scaled.ts"] }`,
    )
    await project.run(tsc, '--project', '.')
  })

  test('is JavaScript that runs', async () => {
    await write(
      'scaled.js',
      `import { on } from 'deltabridge'
import 'deltabridge/kinds'
import { run, testDelta } from 'deltabridge/testing'
const node = on('v1/Node', { types: ['Added'] }, () => {})
console.log(JSON.stringify([await run(node, testDelta('v1/Node')), await run(node, testDelta('v1/Node', { type: 'Deleted' }))]))
`,
    )
    expect(JSON.parse(await project.run(process.execPath, 'scaled.js'))).toEqual([
      { outcome: 'done' },
      { outcome: 'filtered', condition: 'types' },
    ])
  })

  test('has a command line', async () => {
    const bin = 'node_modules/deltabridge/bin/deltabridge.js'
    expect(await project.run(process.execPath, bin, '--version')).toBe(`${packageJson.version}\n`)
    expect(await project.run(process.execPath, bin, '--help')).toContain('Usage: deltabridge COMMAND')
  })

  test('has the parts that the command line opens, with every script that they read', async () => {
    const check = `
import { loadSettings } from './node_modules/deltabridge/dist/core/config/load.js'
import { createLog } from './node_modules/deltabridge/dist/core/log.js'
import { startDispatcher } from './node_modules/deltabridge/dist/dispatcher/dispatcher.js'
import { startWatcher } from './node_modules/deltabridge/dist/watcher/watcher.js'
import './node_modules/deltabridge/dist/infra/playground/demo.js'
const settings = { ...loadSettings({ env: { HOME: process.cwd() }, cwd: process.cwd() }), redis: { url: 'redis://127.0.0.1:1', prefix: 'x' } }
const log = createLog('silent')
const parts = await Promise.all([startWatcher(settings, log), startDispatcher(settings, log)])
await Promise.all(parts.map((part) => part.close()))
console.log('closed')
process.exit()
`
    await write('parts.js', check)
    expect(await project.run(process.execPath, 'parts.js')).toBe('closed\n')
  })

  test('holds what was compiled, and neither sources nor tests', async () => {
    const files = await readdir(join(project.folder, 'node_modules', 'deltabridge'), { recursive: true })
    expect(files).toContain('LICENSE')
    expect(files).toContain('docs/deltabridge.schema.json')
    expect(
      files.filter((file) => /(?<!\.d)\.ts$|\.test\.|\.tsbuildinfo$|^dist\/(test|functions|infra\/scripts)/.test(file)),
    ).toEqual([])
  })
})
