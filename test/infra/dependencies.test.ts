import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

test('every dependency has a line that says what it is for, and no line is of one that is gone', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'))
  const lines = read('docs/decisions/dependencies.md').split('\n')
  const rows = lines.filter((line) => /^\| `/.test(line)).map((line) => line.split('|')[1] ?? '')
  const named = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name))
  expect(named.toSorted()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).toSorted())
})

test.each([
  ['@kubernetes/client-node', ['watcher/kubeconfig.ts']],
  ['@aws-sdk/client-eventbridge', ['dispatcher/sinks/eventbridge.ts']],
  ['@aws-sdk/client-s3', ['dispatcher/sinks/claim-check.ts']],
])('%s stands behind one file: what it does wrong is mended there', (name, files) => {
  const cwd = new URL('../../', import.meta.url).pathname
  const sources = globSync('{core,watcher,dispatcher,functions,infra}/**/*.ts', { cwd }).concat(
    globSync('*.ts', { cwd }),
  )
  const imports = new RegExp(`^import (?!type )[^']*'${name}'|=> import\\('${name}'\\)`, 'm')
  expect(sources.filter((path) => imports.test(read(path)))).toEqual(files)
})
