import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { type OpenPart, runParts, stopOnSignals } from './cli-process.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import { BadConfig } from './core/config/fault.ts'
import { loadSettings } from './core/config/load.ts'
import type { Settings } from './core/config/settings.ts'
import { createLog, type Log } from './core/log.ts'

interface Values {
  config?: string
  'log-level'?: string
  listen?: string
  keep?: boolean
  help?: boolean
}

interface Command {
  readonly summary: string
  readonly example: string
  readonly options: readonly (keyof Values)[]
  /** Resolves with the exit code. `self`: the file that was started. */
  run(values: Values, self: string): Promise<number>
}

/** Every option of every command. */
const options = {
  config: { type: 'string', short: 'c' },
  'log-level': { type: 'string' },
  listen: { type: 'string' },
  keep: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

const optionHelp: Readonly<Record<keyof Values, readonly [usage: string, meaning: string]>> = {
  config: ['-c, --config FILE', 'else DELTABRIDGE_CONFIG, else ./deltabridge.yaml if there is one'],
  'log-level': ['--log-level LEVEL', 'trace, debug, info, warn, error, fatal or silent'],
  listen: ['--listen HOST:PORT', 'where /healthz and /readyz are served, or off'],
  keep: ['--keep', 'leave it running, with a kubeconfig to try things with'],
  help: ['-h, --help', 'this'],
}

const openWatcher: OpenPart = async (settings, log) => {
  const { startWatcher } = await import('./watcher/watcher.ts')
  return startWatcher(settings, log)
}

const openDispatcher: OpenPart = async (settings, log) => {
  const { startDispatcher } = await import('./dispatcher/dispatcher.ts')
  return startDispatcher(settings, log)
}

const serving = ['config', 'log-level', 'listen', 'help'] as const

const commands: Readonly<Record<string, Command>> = {
  start: {
    summary: 'watcher and dispatcher in one process',
    example: 'deltabridge start --config deltabridge.yaml',
    options: serving,
    run: (values) => serve(values, [openWatcher, openDispatcher], needsClusters),
  },
  watcher: {
    summary: 'watches clusters and puts what changes into Redis; any number of them',
    example: 'deltabridge watcher --config deltabridge.yaml --listen 127.0.0.1:8081',
    options: serving,
    run: (values) => serve(values, [openWatcher], needsClusters),
  },
  dispatcher: {
    summary: 'delivers from Redis to functions and sinks; any number of them',
    example: 'deltabridge dispatcher --config deltabridge.yaml --listen 127.0.0.1:8082',
    options: serving,
    run: (values) => serve(values, [openDispatcher]),
  },
  demo: {
    summary: 'the whole of it in a minute: clusters, functions and an event bus inside this process',
    example: 'deltabridge demo --keep',
    options: ['keep', 'help'],
    async run({ keep = false }, self) {
      const { runDemo } = await import('./infra/playground/demo.ts')
      const write = (line: string) => void process.stdout.write(`${line}\n`)
      return runDemo({ cli: self, keep, colour: wantsColour(process.stdout), write, signal: stopOnSignals() })
    },
  },
}

/** Their names are decided, and scripts may one day rely on them. */
const notYet = 'init new check rbac status why tail dead replay pause resume forget cluster invoke types'.split(' ')

/** Runs the command line of the file `self`; sets the process's exit code. */
export async function main(self: string, args: readonly string[]): Promise<void> {
  process.exitCode = await run(self, [...args])
}

async function run(self: string, args: string[]): Promise<number> {
  const version = { version: { type: 'boolean', short: 'v' } } as const
  const first = parseArgs({ args, options: { ...options, ...version }, strict: false, allowPositionals: true })
  const [name] = first.positionals
  if (name === undefined) {
    if (first.values.version) return print(readVersion())
    if (first.values.help) return print(usage())
    return misused(args.length === 0 ? usage() : 'which command? See deltabridge --help')
  }
  if (notYet.includes(name)) return misused(`${name} is not supported yet`)
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) {
    return misused(
      `there is no command ${name}${didYouMean(name, [...Object.keys(commands), ...notYet])}. See deltabridge --help`,
    )
  }
  const own = Object.fromEntries(command.options.map((option) => [option, options[option]]))
  let values: Values
  try {
    const parsed = parseArgs({ args, options: own, allowPositionals: true })
    if (parsed.positionals.length > 1)
      return misused(`${name} takes no ${parsed.positionals[1]}. See deltabridge ${name} --help`)
    values = parsed.values
  } catch (error) {
    return misused(`${misuse(error, command)}. See deltabridge ${name} --help`)
  }
  if (values.help) return print(commandUsage(name, command))
  try {
    return await command.run(values, self)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 1
  }
}

async function serve(values: Values, open: readonly OpenPart[], judge?: (settings: Settings) => void): Promise<number> {
  const { config: file, 'log-level': logLevel, listen } = values
  const settings = loadSettings({ file, logLevel, listen, env: process.env, cwd: process.cwd() })
  judge?.(settings)
  const log: Log = createLog(settings.log.level, process.stdout, wantsColour(process.stdout))
  return runParts(open, settings, log, stopOnSignals(log))
}

function needsClusters({ file, clusters }: Settings): void {
  if (clusters.length > 0) return
  const example = 'clusters: { prod: { kubeconfig: ./prod.yaml } }'
  const message =
    file === undefined
      ? `no configuration file, and no kubeconfig with a current context: write deltabridge.yaml with ${example}`
      : `there is none to watch: add one, as in ${example}`
  throw new BadConfig(file, [{ path: 'clusters', message }])
}

/** https://no-color.org: any value but the empty one. */
function wantsColour(out: NodeJS.WriteStream): boolean {
  return out.isTTY === true && !process.env.NO_COLOR
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

function misused(text: string): number {
  process.stderr.write(`${text}\n`)
  return 2
}

/** What parseArgs found, with the option that was probably meant. */
function misuse(error: unknown, { options }: Command): string {
  const message = error instanceof Error ? error.message : String(error)
  const unknown = /^Unknown option '(-[^']*)'/.exec(message)?.[1]
  if (unknown === undefined) return message.replace(/\.$/, '')
  const written = unknown.replace(/^--/, '')
  return `there is no option ${unknown}${didYouMean(written, options).replace('mean ', 'mean --')}`
}

function usage(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  return `deltabridge: what changes in many Kubernetes clusters, delivered in order to functions and event buses

Usage: deltabridge COMMAND [OPTIONS]

${lines.join('\n')}

  deltabridge COMMAND --help    its options, and an example
  deltabridge --version         ${readVersion()}

Example: deltabridge demo`
}

function commandUsage(name: string, { summary, example, options }: Command): string {
  const lines = options.map((option) => `  ${optionHelp[option][0].padEnd(22)}${optionHelp[option][1]}`)
  return `deltabridge ${name}: ${summary}\n\n${lines.join('\n')}\n\nExample: ${example}`
}

function readVersion(): string {
  return JSON.parse(readFileSync(fileURLToPath(import.meta.resolve('deltabridge/package.json')), 'utf8')).version
}
