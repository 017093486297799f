import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { clustersIn } from './clusters-folder.ts'
import { currentCluster } from './current-context.ts'
import { didYouMean } from './did-you-mean.ts'
import { BadConfig, type Checked, check, type Fault, formatPath } from './fault.ts'
import { type OverrideOptions, readOverrides } from './overrides.ts'
import { type ConfigFile, configFile } from './schema.ts'
import type { ClusterSettings, Settings } from './settings.ts'
import { settingsOf } from './settings-of.ts'
import { substitute } from './variables.ts'
import { readYamlFile, reasonOf } from './yaml-file.ts'

export interface LoadOptions extends OverrideOptions {
  /** `--config`; else DELTABRIDGE_CONFIG; else `deltabridge.yaml` in `cwd` if there is one; else no file at all. */
  readonly file?: string | undefined
  readonly cwd: string
}

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
  return { ...settings, clusters: clustersOf(settings, env), ...overrides.values }
}

function clustersOf({ file, clusters, clustersFrom }: Settings, env: LoadOptions['env']): readonly ClusterSettings[] {
  if (file === undefined) return [currentCluster(env)].filter((one) => one !== undefined)
  if (clustersFrom === undefined) return clusters
  const folder = clustersIn(clustersFrom)
  const twice = folder.clusters
    .filter(({ name }) => clusters.some((one) => one.name === name))
    .map(({ name, access }) => ({
      path: `clusters.${name}`,
      message: `is also the name of ${access.kubeconfig}, by clustersFrom: rename one of them`,
    }))
  const faults = [...folder.faults, ...twice]
  if (faults.length > 0) throw new BadConfig(file, faults)
  return [...clusters, ...folder.clusters]
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

function unreadableFiles({ redis, sinks }: ConfigFile, base: string): Fault[] {
  const { passwordFile, tls } = typeof redis === 'object' ? redis : {}
  const ofSinks = Object.entries(sinks).flatMap(([name, { http }]) => [
    [`sinks.${name}.http.signingKeyFile`, http?.signingKeyFile] as const,
    [`sinks.${name}.http.tls.caFile`, http?.tls?.caFile] as const,
  ])
  const files = [['redis.passwordFile', passwordFile] as const, ['redis.tls.caFile', tls?.caFile] as const, ...ofSinks]
  return files.flatMap(([path, file]) => {
    if (file === undefined) return []
    try {
      readFileSync(resolve(base, file))
      return []
    } catch (error) {
      return [{ path, message: `${resolve(base, file)} cannot be read: ${reasonOf(error)}` }]
    }
  })
}
