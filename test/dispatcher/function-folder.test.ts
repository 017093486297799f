import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { FunctionFolder } from '../../dispatcher/function-folder.ts'

type Files = Readonly<Record<string, string>>

/** A folder of functions that is followed, and ends with the test. */
async function openFolder(files: Files, taken: readonly string[] = [], loadMs = 10_000) {
  const path = await mkdtemp(join(tmpdir(), 'functions-'))
  const write = async (more: Files) => {
    for (const [name, text] of Object.entries(more)) {
      await mkdir(dirname(join(path, name)), { recursive: true })
      await writeFile(join(path, name), text)
    }
  }
  await write(files)
  let changes = 0
  const folder = await FunctionFolder.open(path, {
    log: silentLog,
    taken: () => new Set(taken),
    onChange: () => changes++,
    pollMs: 20,
    loadMs,
  })
  onTestFinished(async () => {
    await folder.close()
    await rm(path, { recursive: true, force: true })
  })
  return {
    path,
    folder,
    write,
    remove: (name: string) => rm(join(path, name)),
    changes: () => changes,
    names: () => folder.functions.map(({ name }) => name).sort(),
    answer: (name: string) => folder.functions.find((one) => one.name === name)?.handler(undefined, undefined as never),
  }
}

const answering = (value: string) =>
  `import { on } from 'deltabridge'\nexport default on('v1/Pod', (): string => ${JSON.stringify(value)})\n`

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 10 })

test('modules directly in the folder are functions, named after their files; helpers, tests and types are not', async () => {
  const good = answering('yes')
  const { names, folder } = await openFolder({
    'one.ts': good,
    'two.mts': good,
    'three.js': "import { on } from 'deltabridge'\nexport default on('v1/Pod', () => {})",
    'four.mjs': "import { on } from 'deltabridge'\nexport default on('v1/Pod', () => {})",
    '_helper.ts': 'export const x = 1',
    '.hidden.ts': good,
    'types.d.ts': 'export type X = 1',
    'one.test.ts': good,
    'lib/deep.ts': good,
    'notes.md': '',
    'node_modules/pkg/index.js': '',
    'package.json': '{ "type": "commonjs" }',
  })
  expect(names()).toEqual(['four', 'one', 'three', 'two'])
  expect(folder.problems()).toEqual([])
})

test('a function carries its trigger: kinds, conditions, delivery, and the function as its target', async () => {
  const { folder } = await openFolder({
    'scale-log.ts': `import { on } from 'deltabridge'
export default on('apps/v1/Deployment', { changed: ['spec.replicas'], namespaces: ['shop'], delivery: { attempts: 3 } }, () => {})`,
  })
  expect(folder.functions).toMatchObject([
    {
      name: 'scale-log',
      definition: {
        name: 'scale-log',
        gvk: ['apps/v1/Deployment'],
        changed: ['spec.replicas'],
        namespaces: ['shop'],
        target: { function: 'scale-log' },
      },
      delivery: { attempts: 3 },
    },
  ])
  expect(folder.functions[0]?.definition).not.toHaveProperty('delivery')
})

test('a function that cannot be loaded is told by name and reason; the others run', async () => {
  const { names, folder } = await openFolder({
    'good.ts': answering('yes'),
    'throws.ts': "throw new Error('no database')",
    'empty.ts': 'export const nothing = 1',
    'other.ts': 'export default { some: "thing" }',
    'broken.ts': 'export default on(',
    'wrong.ts': `import { on } from 'deltabridge'\nexport default on('v1/Pod', { namespace: ['shop'], types: ['Gone'] } as never, () => {})`,
    'Upper.ts': answering('no'),
  })
  expect(names()).toEqual(['good'])
  const problems = folder.problems()
  for (const [file, reason] of Object.entries({
    'throws.ts': /no database/,
    'empty.ts': /no default export/,
    'other.ts': /not what on\(\) returns/,
    'broken.ts': /cannot be loaded: SyntaxError/,
    'wrong.ts': /namespace.*did you mean/,
    'Upper.ts': /rename the file/,
  })) {
    expect(problems.filter((one) => one.startsWith(`function ${file}: `)).join()).toMatch(reason)
  }
  // every fault of a filter at once
  expect(problems.filter((one) => one.includes('wrong.ts'))).toHaveLength(2)
})

test('a module that never finishes loading is told by name, and holds up no other', async () => {
  const endless = 'await new Promise(() => {})'
  const { names, folder, write, answer } = await openFolder(
    { 'good.ts': answering('yes'), 'endless.ts': endless },
    [],
    100,
  )
  expect(names()).toEqual(['good'])
  expect(folder.problems()).toEqual([
    expect.stringMatching(/endless\.ts: is not loaded after 0\.1 s: a top-level await/),
  ])
  await write({ 'good.ts': endless })
  await until(() => expect(folder.problems().join()).toMatch(/good\.ts: .*last good version runs on/))
  expect(answer('good')).toBe('yes')
  await write({ 'endless.ts': answering('ended') })
  await until(() => expect(answer('endless')).toBe('ended'))
})

test('a folder closes while a module of it is being loaded', async () => {
  const { folder, write } = await openFolder({ 'good.ts': answering('yes') }, [], 600_000)
  await write({ 'endless.ts': 'globalThis.loadingEndless = true\nawait new Promise(() => {})' })
  await until(() => expect(globalThis).toHaveProperty('loadingEndless'))
  await folder.close()
  expect(folder.functions.map(({ name }) => name)).toEqual(['good'])
  Reflect.deleteProperty(globalThis, 'loadingEndless')
})

test('what on() returns is known by its shape: the folder may have its own copy of the package', async () => {
  const { names } = await openFolder({
    'plain.js': "export default { trigger: { gvk: ['v1/Pod'] }, handler: () => {} }",
  })
  expect(names()).toEqual(['plain'])
})

test('an edit takes effect, also one of a helper in a subfolder; functions that do not use it are left alone', async () => {
  const { write, answer, folder } = await openFolder({
    'uses.ts': `import { on } from 'deltabridge'\nimport { word } from './lib/word.ts'\nexport default on('v1/Pod', () => word)`,
    'alone.ts': answering('alone'),
    'lib/word.ts': "export { word } from './deeper.ts'",
    'lib/deeper.ts': "export const word: string = 'old'",
  })
  expect(answer('uses')).toBe('old')
  const alone = folder.functions.find(({ name }) => name === 'alone')
  await write({ 'lib/deeper.ts': "export const word: string = 'newer'" })
  await until(() => expect(answer('uses')).toBe('newer'))
  expect(folder.functions).toContain(alone)
  await write({ 'alone.ts': answering('edited') })
  await until(() => expect(answer('alone')).toBe('edited'))
  expect(answer('uses')).toBe('newer')
})

test('a bad edit keeps the last good version, and says so until it is mended', async () => {
  const { write, answer, folder } = await openFolder({ 'one.ts': answering('good') })
  await write({ 'one.ts': 'export default {' })
  await until(() => expect(folder.problems().join()).toMatch(/one\.ts: cannot be loaded.*last good version runs on/))
  expect(answer('one')).toBe('good')
  await write({ 'one.ts': answering('better') })
  await until(() => expect(answer('one')).toBe('better'))
  expect(folder.problems()).toEqual([])
})

test('a module that lacks a helper loads as soon as the helper is there', async () => {
  const { write, names, folder } = await openFolder({
    'one.ts': `import { on } from 'deltabridge'\nimport { word } from './lib/word.ts'\nexport default on('v1/Pod', () => word)`,
  })
  expect(folder.problems().join()).toMatch(/word\.ts/)
  await write({ 'lib/word.ts': "export const word = 'here'" })
  await until(() => expect(names()).toEqual(['one']))
})

test('a file that comes is loaded, one that goes is gone', async () => {
  const { write, remove, names, changes } = await openFolder({ 'one.ts': answering('1') })
  await write({ 'two.ts': answering('2') })
  await until(() => expect(names()).toEqual(['one', 'two']))
  await remove('one.ts')
  await until(() => expect(names()).toEqual(['two']))
  expect(changes()).toBeGreaterThanOrEqual(2)
})

test('a folder that cannot be read is no removal of its functions', async () => {
  const { path, folder, names } = await openFolder({ 'one.ts': answering('1') })
  await rename(path, `${path}.away`)
  await until(() => expect(folder.problems().join()).toMatch(/cannot be read/))
  expect(names()).toEqual(['one'])
  await rename(`${path}.away`, path)
  await until(() => expect(folder.problems()).toEqual([]))
  expect(names()).toEqual(['one'])
})

test('a pinned name survives a rename of the file', async () => {
  const pinned = `import { on } from 'deltabridge'\nexport default on('v1/Pod', { name: 'pods' }, () => {})`
  const { path, names, folder } = await openFolder({ 'a.ts': pinned })
  expect(names()).toEqual(['pods'])
  await rename(join(path, 'a.ts'), join(path, 'b.ts'))
  await until(() => expect(folder.functions[0]?.file).toMatch(/b\.ts$/))
  expect(names()).toEqual(['pods'])
})

test('two files of one name are a fault told by both names, and neither of the two begins', async () => {
  const { names, folder, remove } = await openFolder({ 'same.ts': answering('ts'), 'same.mts': answering('mts') })
  expect(names()).toEqual([])
  expect(folder.problems()).toEqual([expect.stringMatching(/same\.mts and same\.ts: have the same name/)])
  await remove('same.mts')
  await until(() => expect(names()).toEqual(['same']))
})

test('who had a name keeps it when a second file claims it', async () => {
  const { names, folder, write, answer } = await openFolder({ 'same.ts': answering('first') })
  await write({ 'same.mts': answering('second') })
  await until(() => expect(folder.problems()).toHaveLength(1))
  expect(names()).toEqual(['same'])
  expect(answer('same')).toBe('first')
})

test("a function with a configured trigger's name is a fault told by both", async () => {
  const { names, folder } = await openFolder({ 'audit.ts': answering('x'), 'fine.ts': answering('x') }, ['audit'])
  expect(names()).toEqual(['fine'])
  expect(folder.problems()).toEqual([expect.stringMatching(/audit\.ts: trigger audit of the configuration/)])
})
