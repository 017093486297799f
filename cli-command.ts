import type { ParseArgsConfig } from 'node:util'
import { loadSettings } from './core/config/load.ts'
import type { Settings } from './core/config/settings.ts'

/** Every option of every command. */
export const options = {
  config: { type: 'string', short: 'c' },
  'log-level': { type: 'string' },
  listen: { type: 'string' },
  keep: { type: 'boolean' },
  watch: { type: 'boolean', short: 'w' },
  cluster: { type: 'string' },
  gvk: { type: 'string' },
  state: { type: 'string' },
  problems: { type: 'boolean' },
  strict: { type: 'boolean' },
  trigger: { type: 'string' },
  object: { type: 'string' },
  since: { type: 'string' },
  id: { type: 'string' },
  all: { type: 'boolean' },
  force: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  limit: { type: 'string' },
  next: { type: 'string' },
  'service-account': { type: 'string' },
  user: { type: 'string' },
  json: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

export type OptionName = keyof typeof options

/** What was given on the command line. */
export type Values = {
  readonly [Name in OptionName]?: (typeof options)[Name]['type'] extends 'string' ? string : boolean
}

export const optionHelp: Readonly<Record<OptionName, readonly [usage: string, meaning: string]>> = {
  config: ['-c, --config FILE', 'else DELTABRIDGE_CONFIG, else ./deltabridge.yaml if there is one'],
  'log-level': ['--log-level LEVEL', 'trace, debug, info, warn, error, fatal or silent'],
  listen: ['--listen HOST:PORT', 'where /healthz and /readyz are served, or off'],
  keep: ['--keep', 'leave it running, with a kubeconfig to try things with'],
  watch: ['-w, --watch', 'again and again, until it is stopped'],
  cluster: ['--cluster NAME', 'only of this cluster'],
  gvk: ['--gvk GVK', 'only of this kind: apps/v1/Deployment'],
  state: ['--state STATE', 'only streams in this state'],
  problems: ['--problems', 'only what is not as it should be'],
  strict: ['--strict', 'exit with 1 on warnings, too'],
  trigger: ['--trigger NAME', 'only of this trigger'],
  object: ['--object [NS/]NAME', 'only of objects of this name'],
  since: ['--since 2h', 'only since then; or a time as in 2026-01-31T12:00:00Z'],
  id: ['--id ID', 'only this one, by its id as in dead list'],
  all: ['--all', 'every one that there is'],
  force: ['--force', 'also what is superseded by a newer delta of its object'],
  'dry-run': ['--dry-run', 'only tell what would be done'],
  limit: ['--limit NUMBER', 'at most so many; default 50'],
  next: ['--next NEXT', 'goes on after the page that said so'],
  'service-account': ['--service-account NS/NAME', 'whom to bind to; default deltabridge/deltabridge'],
  user: ['--user NAME', 'bind to a user instead of a service account'],
  json: ['--json, -o json', 'one JSON document instead of tables'],
  output: ['', ''],
  help: ['-h, --help', 'this'],
}

export interface Command {
  readonly summary: string
  readonly example: string
  readonly options: readonly OptionName[]
  /** What stands behind its name, as in `trigger|cluster NAME`; a word each, in brackets where it may be left out. */
  readonly words?: string
  /** Resolves with the exit code. */
  run(values: Values, words: readonly string[], self: string): Promise<number>
}

/** A command was asked for something that is wrong, or it failed: told with what to change, or as JSON. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly reason: string
  readonly fix: string | undefined

  constructor(reason: string, message: string, options: { readonly fix?: string; readonly cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.reason = reason
    this.fix = options.fix
  }
}

export function settingsFor({ config: file, 'log-level': logLevel, listen }: Values): Settings {
  return loadSettings({ file, logLevel, listen, env: process.env, cwd: process.cwd() })
}

/** The command line was wrong. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
}
