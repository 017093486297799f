import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { loadSettings } from '../core/config/load.ts'
import type { AnyDelta } from '../core/delta.ts'
import { silentLog } from '../core/log.ts'
import { testDelta } from '../core/testing.ts'
import type { TriggerDefinition } from '../core/triggers.ts'
import { FunctionFolder } from '../dispatcher/function-folder.ts'
import { cloudEvent } from '../dispatcher/sinks/cloudevent.ts'
import packageJson from '../package.json' with { type: 'json' }
import { keepsOld } from '../watcher/match.ts'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')

interface Block {
  readonly line: number
  readonly text: string
}

function blocks(...languages: readonly string[]): Block[] {
  return [...readme.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)]
    .filter(([, language = '']) => languages.includes(language))
    .map(({ 2: text = '', index }) => ({ line: readme.slice(0, index).split('\n').length, text }))
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'deltabridge-readme-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('README.md', () => {
  test('has a function, a configuration and commands', () => {
    for (const languages of [['ts'], ['yaml'], ['sh']]) expect(blocks(...languages)).not.toEqual([])
  })

  test.each(blocks('ts'))('line $line: the module compiles', async ({ text }) => {
    const path = await folder()
    await writeFile(join(path, 'package.json'), '{ "type": "module" }')
    await writeFile(join(path, 'snippet.ts'), text)
    const compilerOptions = { noEmit: true, composite: false, declaration: false, rootDir: '/' }
    const typeRoots = [join(root, 'node_modules/@types')]
    const config = {
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: { ...compilerOptions, typeRoots },
      files: ['snippet.ts'],
    }
    await writeFile(join(path, 'tsconfig.json'), JSON.stringify(config))
    const told = await execute(join(root, 'node_modules/.bin/tsc'), ['--project', path]).then(
      () => '',
      ({ stdout, message }) => stdout || message,
    )
    expect(told).toBe('')
  })

  test.each(blocks('ts').filter(({ text }) => text.includes('export default')))(
    'line $line: the module is a function',
    async ({ text }) => {
      const path = await folder()
      await writeFile(join(path, 'snippet.ts'), text)
      const functions = await FunctionFolder.open(path, { log: silentLog, taken: () => new Set(), onChange: () => {} })
      onTestFinished(() => functions.close())
      expect(functions.problems()).toEqual([])
      expect(functions.functions.map(({ name }) => name)).toEqual(['snippet'])
    },
  )

  test.each(blocks('yaml'))('line $line: the configuration is without a fault', async ({ text }) => {
    const path = await folder()
    await writeFile(join(path, 'deltabridge.yaml'), text)
    await mkdir(join(path, 'functions'))
    const names = [...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => [name, 'redis://127.0.0.1:6379'])
    const settings = loadSettings({ cwd: path, env: Object.fromEntries(names) })
    expect(settings.clusters).not.toEqual([])
  })

  const lines = blocks('sh', 'bash', 'console').flatMap(({ text }) => commandsOf(text))

  test.each(lines.filter((line) => line.startsWith('npm ')))('`%s` can be run', async (line) => {
    const [, verb = '', ...rest] = line.split(/\s+/)
    if (verb === 'ci' || verb === 'install') return
    const [name = '', ...args] = verb === 'run' ? rest : [verb, ...rest]
    const script = (packageJson.scripts as Readonly<Record<string, string>>)[name]
    expect(script, `npm script ${name}`).toBeDefined()
    const passed = args[0] === '--' ? args.slice(1) : args
    if (script?.startsWith('node bin/deltabridge.js')) await expectKnown([...script.split(' ').slice(2), ...passed])
  })

  test.each(lines.filter((line) => /^(npx )?deltabridge /.test(line)))('`%s` can be run', async (line) => {
    await expectKnown(line.replace('npx ', '').split(/\s+/).slice(1))
  })

  test.each(lines.filter((line) => /^docker[- ]compose /.test(line)))('`%s` names a profile that exists', (line) => {
    const { services } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'))
    const profiles = Object.values<{ profiles?: string[] }>(services).flatMap((service) => service.profiles ?? [])
    for (const [, profile] of line.matchAll(/--profile (\S+)/g)) expect(profiles).toContain(profile)
  })

  test('the rule catches what the trigger of the configuration sends, and not every update', () => {
    const [written = ''] = lines.flatMap((line) =>
      [...line.matchAll(/--event-pattern '(.*)'/g)].map(([, json]) => json),
    )
    const [trigger] = Object.values<TriggerDefinition>(parse(blocks('yaml')[0]?.text ?? '').triggers) as [
      TriggerDefinition,
    ]
    const resource = { group: 'apps', version: 'v1', resource: 'deployments' }
    const caught = (replicas: number, paused: boolean) => {
      const old = { spec: { replicas: 3, paused: false } }
      const state = { type: 'Updated', object: { spec: { replicas, paused } } } as const
      const delta = testDelta('apps/v1/Deployment', keepsOld(trigger) ? { ...state, old } : state)
      const event = cloudEvent({ delta: delta as AnyDelta, trigger: 'x', deliveryId: 'x', attempt: 1, resource })
      const sent = { source: 'dev.deltabridge', 'detail-type': event.type, detail: event }
      return catches(JSON.parse(written), JSON.parse(JSON.stringify(sent)))
    }
    expect(caught(5, false)).toBe(true)
    expect(caught(3, true)).toBe(false)
  })

  test('links to nothing that is not there', () => {
    const targets = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) => target)
    expect(targets.filter((target) => !existsSync(join(root, target)))).toEqual([])
  })
})

/** As EventBridge does: every key of the pattern is there, and one of the event's values is one of the pattern's. */
function catches(pattern: Readonly<Record<string, unknown>>, event: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(pattern).every(([key, wanted]) => {
    const value = event[key]
    if (Array.isArray(wanted)) return [value].flat().some((one) => wanted.includes(one))
    return typeof value === 'object' && value !== null && catches({ ...(wanted as object) }, { ...value })
  })
}

/** One command each: continued lines joined, comments and prompts gone, `a && b` taken apart. */
function commandsOf(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .flatMap((line) =>
      line
        .replace(/\s+#.*$/, '')
        .replace(/^\$ /, '')
        .split(/\s*&&\s*/),
    )
    .map((command) => command.trim())
    .filter((command) => command !== '' && !command.startsWith('#'))
}

/** The command exists, and so does every option: as its own help has it. */
async function expectKnown([command = '', ...args]: readonly string[]): Promise<void> {
  const { stdout } = await execute(process.execPath, [join(root, 'bin/deltabridge.js'), command, '--help'])
  for (const option of args.filter((arg) => arg.startsWith('-')))
    expect(stdout).toMatch(new RegExp(`(^|[ ,])${option.replace(/=.*/, '')}\\b`, 'm'))
}
