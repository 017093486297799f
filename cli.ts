import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Command, CommandFailure, Misuse, optionHelp, options, settingsFor, type Values } from './cli-command.ts'
import { print, wantsColour, wantsJson } from './cli-print.ts'
import { type OpenPart, runParts, stopOnSignals } from './cli-process.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import { BadConfig } from './core/config/fault.ts'
import type { Settings } from './core/config/settings.ts'
import { createLog, type Log } from './core/log.ts'

const openWatcher: OpenPart = async (settings, log) => {
  const { startWatcher } = await import('./watcher/watcher.ts')
  return startWatcher(settings, log)
}

const openDispatcher: OpenPart = async (settings, log) => {
  const { startDispatcher } = await import('./dispatcher/dispatcher.ts')
  return startDispatcher(settings, log)
}

const serving = ['config', 'log-level', 'listen', 'help'] as const

const printing = ['json', 'output', 'config', 'help'] as const

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
    async run({ keep = false }, _, self) {
      const { runDemo } = await import('./infra/playground/demo.ts')
      const write = (line: string) => void process.stdout.write(`${line}\n`)
      return runDemo({ cli: self, keep, colour: wantsColour(process.stdout), write, signal: stopOnSignals() })
    },
  },
  status: {
    summary: 'clusters, streams, triggers and processes, as they are now',
    example: 'deltabridge status --problems',
    options: ['watch', 'cluster', 'gvk', 'state', 'problems', ...printing],
    run: async (values) => (await import('./cli-status.ts')).status(values, stopOnSignals()),
  },
  check: {
    summary: 'what would go wrong, before it does: configuration, Redis, clusters, functions and sinks',
    example: 'deltabridge check --strict',
    options: ['strict', ...printing],
    run: async (values) => (await import('./cli-check.ts')).check(values),
  },
  rbac: {
    summary: 'the least roles and bindings that the present triggers need',
    example: 'deltabridge rbac --cluster prod-eu | kubectl --context prod-eu apply -f -',
    options: ['cluster', 'service-account', 'user', 'config', 'help'],
    run: async (values) => (await import('./cli-rbac.ts')).rbac(values),
  },
  cluster: {
    summary: 'accepts the cluster that answers now where another one did before',
    example: 'deltabridge cluster accept prod-eu',
    options: printing,
    words: 'accept NAME',
    run: async (values, words) => (await import('./cli-accept.ts')).cluster(values, words),
  },
  pause: {
    summary: "stops one trigger's deliveries; its deltas wait",
    example: 'deltabridge pause scaled',
    options: printing,
    words: 'TRIGGER',
    run: async (values, words) => (await import('./cli-pause.ts')).pause(values, words),
  },
  resume: {
    summary: 'goes on with the deliveries of a trigger that was paused',
    example: 'deltabridge resume scaled',
    options: printing,
    words: 'TRIGGER',
    run: async (values, words) => (await import('./cli-pause.ts')).resume(values, words),
  },
  dead: {
    summary: 'lists, shows, replays or drops what could not be delivered',
    example: 'deltabridge dead replay --trigger scaled --since 2h --dry-run',
    options: [
      ...(['trigger', 'cluster', 'gvk', 'object', 'since', 'id', 'all', 'force', 'dry-run', 'limit', 'next'] as const),
      ...printing,
    ],
    words: 'list|show|replay|drop [ID]',
    run: async (values, words) => (await import('./cli-dead.ts')).dead(values, words),
  },
  forget: {
    summary: 'drops what an orphaned trigger or a removed cluster left behind',
    example: 'deltabridge forget trigger scaled',
    options: printing,
    words: 'trigger|cluster NAME',
    run: async (values, words) => (await import('./cli-forget.ts')).forget(values, words),
  },
}

/** Their names are decided, and scripts may one day rely on them. */
const notYet = 'init new why tail replay invoke types'.split(' ')

const lingerMs = 1_000

/** Runs the command line of the file `self`; sets the process's exit code. */
export async function main(self: string, args: readonly string[]): Promise<void> {
  process.exitCode = await run(self, [...args])
  // what modules of the functions folder left running does not keep a command
  setTimeout(() => process.exit(), lingerMs).unref()
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
  let words: readonly string[]
  try {
    const parsed = parseArgs({ args, options: own, allowPositionals: true })
    words = parsed.positionals.slice(1)
    const wanted = command.words?.split(' ') ?? []
    const missing = wanted[words.length]
    if (!parsed.values.help && missing !== undefined && !missing.startsWith('['))
      return misused(`${name} lacks ${missing}: ${name} ${command.words}. See deltabridge ${name} --help`)
    if (words.length > wanted.length)
      return misused(`${name} takes no ${words[wanted.length]}. See deltabridge ${name} --help`)
    values = parsed.values
  } catch (error) {
    return misused(`${misuse(error, command)}. See deltabridge ${name} --help`)
  }
  if (values.help) return print(commandUsage(name, command))
  try {
    return await command.run(values, words, self)
  } catch (error) {
    if (error instanceof Misuse) return misused(`${error.message}. See deltabridge ${name} --help`)
    const message = error instanceof Error ? error.message : String(error)
    const { fix, reason = error instanceof Error ? error.name : 'Failed' } =
      error instanceof CommandFailure ? error : ({} as Partial<CommandFailure>)
    if (wantsJson(values)) print(JSON.stringify({ error: { reason, message, ...(fix !== undefined && { fix }) } }))
    else process.stderr.write(`${message}${fix === undefined ? '' : `: ${fix}`}\n`)
    return 1
  }
}

async function serve(values: Values, open: readonly OpenPart[], judge?: (settings: Settings) => void): Promise<number> {
  const load = () => settingsFor(values)
  const settings = load()
  judge?.(settings)
  const log: Log = createLog(settings.log.level, process.stdout, wantsColour(process.stdout))
  return runParts(open, settings, log, stopOnSignals(log), load)
}

function needsClusters({ file, clusters, clustersFrom }: Settings): void {
  if (clusters.length > 0 || clustersFrom !== undefined) return
  const example = 'clusters: { prod: { kubeconfig: ./prod.yaml } }'
  const message =
    file === undefined
      ? `no configuration file, and no kubeconfig with a current context: write deltabridge.yaml with ${example}`
      : `there is none to watch: add one, as in ${example}`
  throw new BadConfig(file, [{ path: 'clusters', message }])
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

function commandUsage(name: string, { summary, example, options, words }: Command): string {
  const shown = options.map((option) => optionHelp[option]).filter(([usage]) => usage !== '')
  const lines = shown.map(([usage, meaning]) => `  ${usage.padEnd(27)}${meaning}`)
  const title = words === undefined ? name : `${name} ${words}`
  return `deltabridge ${title}: ${summary}\n\n${lines.join('\n')}\n\nExample: ${example}`
}

function readVersion(): string {
  return JSON.parse(readFileSync(fileURLToPath(import.meta.resolve('deltabridge/package.json')), 'utf8')).version
}
