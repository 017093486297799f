import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { installationKeys, layoutVersion } from '../core/redis/keys.ts'
import packageJson from '../package.json' with { type: 'json' }
import { redisCorner } from './support/redis.ts'

const bin = fileURLToPath(new URL('../bin/deltabridge.js', import.meta.url))

let cwd: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'deltabridge-cli-'))
  return () => rmSync(cwd, { recursive: true })
})

function launch(args: readonly string[]): ChildProcess {
  // no kubeconfig of whoever runs the tests
  const child = spawn(process.execPath, [...args], { cwd, env: { PATH: process.env.PATH, HOME: cwd } })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  })
  return child
}

async function deltabridge(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = launch([bin, ...args])
  const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')])
  return { code, out, err }
}

describe('the command line', () => {
  test('tells its version', async () => {
    expect(await deltabridge('--version')).toEqual({ code: 0, out: `${packageJson.version}\n`, err: '' })
  })

  test('tells its commands', async () => {
    const { code, out } = await deltabridge('--help')
    expect(code).toBe(0)
    for (const command of [
      'start',
      'watcher',
      'dispatcher',
      'demo',
      'status',
      'check',
      'rbac',
      'pause',
      'resume',
      'forget',
      'cluster',
    ])
      expect(out).toContain(`\n  ${command} `)
  })

  test.each([
    'start',
    'watcher',
    'dispatcher',
    'demo',
    'status',
    'check',
    'rbac',
    'pause',
    'resume',
    'forget',
    'dead',
    'cluster',
  ])('helps with %s, by an example', async (command) => {
    const { code, out } = await deltabridge(command, '--help')
    expect(code).toBe(0)
    expect(out).toContain(`Example: deltabridge ${command}`)
  })

  test.each([
    [[], 'Usage: deltabridge COMMAND'],
    [['wacher'], 'there is no command wacher (did you mean watcher?)'],
    [['tail'], 'tail is not supported yet'],
    [['dead'], 'dead lacks list|show|replay|drop'],
    [['dead', 'lst'], 'dead knows no lst (did you mean list?)'],
    [['dead', 'show'], 'dead show lacks ID'],
    [['dead', 'drop'], 'which dead letters? Give a condition, as in --trigger NAME, or --all'],
    [['dead', 'replay', '--all', '--id', 't1-1'], 'give a condition or --all, not both'],
    [['dead', 'list', '--force'], 'dead list has no use for --force'],
    [['start', '--confg', 'x'], 'there is no option --confg (did you mean --config?)'],
    [['start', '--config'], "Option '-c, --config <value>' argument missing"],
    [['start', 'watcher'], 'start takes no watcher'],
    [['demo', '--listen', 'off'], 'there is no option --listen'],
  ])('%j is wrong usage', async (args, message) => {
    const { code, out, err } = await deltabridge(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(message)
  })
})

describe('a configuration that cannot be used', () => {
  test('is told in full, a fault per line', async () => {
    const file = join(cwd, 'deltabridge.yaml')
    writeFileSync(file, 'readiness: some\nconsole: {}\n')
    expect(await deltabridge('start', '--log-level', 'loud')).toEqual({
      code: 1,
      out: '',
      err: [
        `${file}: console: is not supported yet: remove it`,
        `${file}: readiness: must be one of any, all`,
        '--log-level: must be one of trace, debug, info, warn, error, fatal, silent',
        '',
      ].join('\n'),
    })
  })

  test('is one that names no cluster to watch', async () => {
    const { code, err } = await deltabridge('watcher')
    expect(code).toBe(1)
    expect(err).toContain('clusters: no configuration file, and no kubeconfig with a current context')
  })

  test('is one whose port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = other.address() as { port: number }
    writeFileSync(join(cwd, 'deltabridge.yaml'), 'clusters: { a: {} }')
    const { code, err } = await deltabridge('watcher', '--listen', `127.0.0.1:${port}`)
    expect(code).toBe(1)
    expect(err).toContain('another process listens there')
  })
})

/** A process of parts that do as `part` says, an expression of TypeScript. */
function launchPart(part: string): { child: ChildProcess; out: () => string } {
  const source = (name: string) => JSON.stringify(new URL(`../${name}`, import.meta.url).href)
  const script = join(cwd, 'parts.ts')
  writeFileSync(
    script,
    `import { runParts, stopOnSignals } from ${source('cli-process.ts')}
import { loadSettings } from ${source('core/config/load.ts')}
import { createLog } from ${source('core/log.ts')}
const settings = loadSettings({ env: {}, cwd: ${JSON.stringify(cwd)}, listen: '127.0.0.1:0' })
const log = createLog('info')
process.exitCode = await runParts([async () => (${part})], settings, log, stopOnSignals(log), () => settings)
`,
  )
  const child = launch([script])
  let out = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data) => (out += data))
  return { child, out: () => out }
}

async function readyUrl(out: () => string): Promise<string> {
  return vi.waitFor(() => {
    const url = /"url":"([^"]+)"/.exec(out())?.[1]
    if (url === undefined) throw new Error(`no health endpoints: ${out()}`)
    return `${url}/readyz`
  }, 10_000)
}

describe('a process', () => {
  test('drains on the first signal and exits with 0, also when a function left something running', async () => {
    const { child, out } = launchPart(`{
      problems: async () => [],
      close: async () => { log.info('drained'); setInterval(() => {}, 1_000) },
    }`)
    const url = await readyUrl(out)
    await vi.waitFor(async () => expect((await fetch(url)).status).toBe(200))
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    expect(out()).toContain('drained')
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('leaves at once on the second %s', async (signal, code) => {
    const { child, out } = launchPart('{ problems: async () => [], close: () => new Promise(() => {}) }')
    await readyUrl(out)
    const exit = once(child, 'exit')
    child.kill(signal)
    await vi.waitFor(() => expect(out()).toContain('stopping'))
    const again = setInterval(() => child.kill(signal), 50)
    onTestFinished(() => clearInterval(again))
    expect(await exit).toEqual([code, null])
  })

  test('is not ready before its parts are, and stops also then', async () => {
    const { child, out } = launchPart('await new Promise(() => {})')
    const url = await readyUrl(out)
    const response = await fetch(url)
    expect([response.status, await response.text()]).toEqual([503, 'starting\n'])
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
  })

  test('ends with 1 and closes the rest when a part cannot start', async () => {
    const { child, out } = launchPart(`await Promise.reject(new Error('no such folder'))`)
    expect(await once(child, 'exit')).toEqual([1, null])
    expect(out()).toContain('no such folder')
  })

  test('ends with 1 when a part cannot go on', async () => {
    const { child, out } = launchPart(
      `{ problems: async () => [], close: async () => {}, failed: Promise.resolve(new Error('newer layout')) }`,
    )
    expect(await once(child, 'exit')).toEqual([1, null])
    expect(out()).toContain('newer layout')
  })

  test('ends with 1 on an error that nobody caught, and logs it', async () => {
    const { child, out } = launchPart(
      `(setTimeout(() => { throw new Error('surprise') }, 10), { problems: async () => [], close: async () => {} })`,
    )
    expect(await once(child, 'exit')).toEqual([1, null])
    expect(out()).toMatch(/"level":"error".*surprise.*uncaught error/)
  })

  test('goes on when a function left a promise that failed, and says so', async () => {
    const stack = 'Error: forgotten\\n    at file:///app/functions/one.ts?generation=1:3:7'
    const { child, out } = launchPart(
      `(Promise.reject(Object.assign(new Error('forgotten'), { stack: '${stack}' })), { problems: async () => [], close: async () => {} })`,
    )
    await vi.waitFor(() => expect(out()).toMatch(/forgotten.*a function left a promise that failed/), 10_000)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})

/** A configuration of one cluster that does not answer. */
function configure(redisUrl: string, prefix: string): void {
  const kubeconfig = {
    clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  writeFileSync(join(cwd, 'kubeconfig'), JSON.stringify(kubeconfig))
  const config = `redis: { url: '${redisUrl}', prefix: '${prefix}' }\nclusters: { away: { kubeconfig: kubeconfig } }\n`
  writeFileSync(join(cwd, 'deltabridge.yaml'), config)
}

describe.each(['watcher', 'dispatcher', 'start'])('%s', (command) => {
  test('starts though its cluster or Redis is away, and stops when asked to', async () => {
    configure('redis://127.0.0.1:1', 'nowhere')
    const child = launch([bin, command, '--listen', '127.0.0.1:0'])
    let out = ''
    child.stdout!.on('data', (data) => {
      out += data
    })
    const url = await readyUrl(() => out)
    await vi.waitFor(async () => {
      const problems = await (await fetch(url)).text()
      expect(problems).toMatch(/Redis.* does not answer/)
      expect(problems).not.toContain('starting')
    }, 10_000)
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
  })

  test('refuses the layout of a newer version and ends with 1', async () => {
    const { settings, prefix, connect } = redisCorner()
    const redis = await connect()
    await redis.set(installationKeys(prefix).layout, layoutVersion + 1)
    configure(settings.url, prefix)
    const { code, out, err } = await deltabridge(command, '--listen', 'off')
    expect(code).toBe(1)
    expect(out + err).toContain('run the version that wrote it')
  })
})
