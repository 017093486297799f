import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { RedisSettings } from '../redis/connection.ts'
import { currentCluster } from './current-context.ts'
import { didYouMean } from './did-you-mean.ts'
import { BadConfig, type Checked, check, type Fault, formatPath } from './fault.ts'
import { parseListen } from './listen.ts'
import { type ConfigFile, checkRedisUrl, configFile } from './schema.ts'
import type { Settings } from './settings.ts'
import { substitute } from './variables.ts'
import { readYamlFile, reasonOf } from './yaml-file.ts'

export interface LoadOptions {
  /** `--config`; else DELTABRIDGE_CONFIG; else `deltabridge.yaml` in `cwd` if there is one; else no file at all. */
  readonly file?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** `--listen`; else DELTABRIDGE_LISTEN; else the file. */
  readonly listen?: string | undefined
  /** `--log-level`; else the file. */
  readonly logLevel?: string | undefined
}

const defaultRedisUrl = 'redis://127.0.0.1:6379'
const defaultPrefix = 'deltabridge'

/** The configuration, from the file, the environment and the command line. Throws BadConfig with every fault in it. */
export function loadSettings(options: LoadOptions): Settings {
  const { env, cwd } = options
  const file = findFile(options)
  const read = file === undefined ? { value: {} } : readYamlFile(file)
  if ('faults' in read) throw new BadConfig(file, read.faults)
  const overrides = readOverrides(options)
  const base = file === undefined ? cwd : dirname(file)
  const checked = checkFile(read.value, env)
  const faults = [...('faults' in checked ? checked.faults : unreadableFiles(checked.value, base)), ...overrides.faults]
  if ('faults' in checked || faults.length > 0) throw new BadConfig(file, faults)
  const settings = settingsOf(checked.value, file, base, env)
  const clusters = file === undefined ? [currentCluster(env)].filter((one) => one !== undefined) : settings.clusters
  return { ...settings, clusters, ...overrides.values }
}

function findFile({ file, env, cwd }: LoadOptions): string | undefined {
  const asked = file ?? (env.DELTABRIDGE_CONFIG || undefined)
  if (asked !== undefined) return resolve(cwd, asked)
  const usual = join(cwd, 'deltabridge.yaml')
  return existsSync(usual) ? usual : undefined
}

function checkFile(written: unknown, env: LoadOptions['env']): Checked<ConfigFile> {
  const { value, faults, whole } = substitute(written, env)
  let checked = check(configFile, value)
  // `attempts: ${ATTEMPTS}` is text, as everything in the environment is; where the file wants no text, it is read as YAML reads it
  const refused = new Set('faults' in checked ? checked.faults.map(({ path }) => path) : [])
  const retyped = whole.filter(({ path, text }) => refused.has(path) && /^(-?\d+(\.\d+)?|true|false)$/.test(text))
  for (const { text, write } of retyped) write(JSON.parse(text))
  if (retyped.length > 0) checked = check(configFile, value)

  const told = new Set(faults.map(({ path }) => path))
  const rest = [...('faults' in checked ? checked.faults : []), ...missingSinks(value)]
  const all = [...faults, ...rest.filter(({ path }) => !told.has(path))]
  return 'value' in checked && all.length === 0 ? checked : { faults: all }
}

/** Looks at what was written and not at what was checked, so that it is told beside every other fault. */
function missingSinks(value: unknown): Fault[] {
  const sinks = Object.keys(fieldsOf(fieldsOf(value).sinks))
  return Object.entries(fieldsOf(fieldsOf(value).triggers)).flatMap(([name, trigger]) => {
    const { to } = fieldsOf(trigger)
    if (typeof to !== 'string' || sinks.includes(to)) return []
    const which = sinks.length === 0 ? 'there are none' : `there are ${sinks.join(', ')}`
    const message = `names no sink${didYouMean(to, sinks)}: add ${to} to sinks, ${which}`
    return [{ path: formatPath(['triggers', name, 'to']), message }]
  })
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function unreadableFiles({ redis }: ConfigFile, base: string): Fault[] {
  if (redis === undefined || typeof redis === 'string') return []
  const files = { 'redis.passwordFile': redis.passwordFile, 'redis.tls.caFile': redis.tls?.caFile }
  return Object.entries(files).flatMap(([path, file]) => {
    if (file === undefined) return []
    try {
      readFileSync(resolve(base, file))
      return []
    } catch (error) {
      return [{ path, message: `${resolve(base, file)} cannot be read: ${reasonOf(error)}` }]
    }
  })
}

function settingsOf(config: ConfigFile, file: string | undefined, base: string, env: LoadOptions['env']): Settings {
  const usualFunctions = join(base, 'functions')
  return {
    file,
    redis: redisOf(config.redis, base, env),
    clusters: Object.entries(config.clusters).map(([name, { labels = {}, kubeconfig, ...access }]) => ({
      name,
      labels,
      access: { ...access, ...(kubeconfig !== undefined && { kubeconfig: resolve(base, kubeconfig) }) },
    })),
    functions:
      config.functions !== undefined
        ? resolve(base, config.functions)
        : isFolder(usualFunctions)
          ? usualFunctions
          : undefined,
    // a sink without eventbridge was refused by the schema
    sinks: Object.entries(config.sinks).flatMap(([name, { eventbridge }]) =>
      eventbridge ? [{ name, eventbridge: { ...eventbridge } }] : [],
    ),
    triggers: Object.entries(config.triggers).map(([name, { delivery = {}, ...trigger }]) => ({
      name,
      ...trigger,
      delivery,
    })),
    delivery: config.delivery,
    listen: parseListen(config.listen),
    log: config.log,
    orphanSeconds: config.orphanSeconds,
    drainSeconds: config.drainSeconds,
    readiness: config.readiness,
  }
}

function redisOf(redis: ConfigFile['redis'], base: string, env: LoadOptions['env']): RedisSettings {
  const { url, prefix, passwordFile, username, tls } = typeof redis === 'string' ? { url: redis } : (redis ?? {})
  return {
    url: url ?? (env.DELTABRIDGE_REDIS_URL || defaultRedisUrl),
    prefix: prefix ?? defaultPrefix,
    ...(username !== undefined && { username }),
    ...(passwordFile !== undefined && { passwordFile: resolve(base, passwordFile) }),
    ...(tls && { tls: tls.caFile === undefined ? {} : { caFile: resolve(base, tls.caFile) } }),
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** What the environment and the command line say, where it differs from the file. */
function readOverrides({ env, listen, logLevel }: LoadOptions): {
  values: Partial<Pick<Settings, 'listen' | 'log'>>
  faults: Fault[]
} {
  const faults: Fault[] = []
  const read = <T>(name: string, text: string | undefined, parse: (text: string) => T): T | undefined => {
    try {
      return text === undefined ? undefined : parse(text)
    } catch (error) {
      faults.push({ path: name, message: reasonOf(error), outsideFile: true })
      return undefined
    }
  }
  read('DELTABRIDGE_REDIS_URL', env.DELTABRIDGE_REDIS_URL || undefined, checkRedisUrl)
  const [name, text] = listen !== undefined ? ['--listen', listen] : ['DELTABRIDGE_LISTEN', env.DELTABRIDGE_LISTEN]
  const address = read(name, text || undefined, parseListen)
  const log = read('--log-level', logLevel, (level) => {
    const checked = check(configFile.shape.log, { level })
    if ('faults' in checked) throw new SyntaxError(checked.faults[0]?.message)
    return checked.value
  })
  return { values: { ...(address && { listen: address }), ...(log && { log }) }, faults }
}
