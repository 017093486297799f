import { check, type Fault } from './fault.ts'
import { parseListen } from './listen.ts'
import { checkRedisUrl, configFile } from './schema.ts'
import type { Settings } from './settings.ts'
import { reasonOf } from './yaml-file.ts'

export interface OverrideOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** `--listen`; else DELTABRIDGE_LISTEN; else the file. */
  readonly listen?: string | undefined
  /** `--log-level`; else the file. */
  readonly logLevel?: string | undefined
}

export interface Overrides {
  readonly values: Partial<Pick<Settings, 'listen' | 'log'>>
  readonly faults: readonly Fault[]
}

/** What the environment and the command line say, where it differs from the file. */
export function readOverrides({ env, listen, logLevel }: OverrideOptions): Overrides {
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
  const address =
    listen !== undefined
      ? read('--listen', listen, parseListen)
      : read('DELTABRIDGE_LISTEN', env.DELTABRIDGE_LISTEN || undefined, parseListen)
  const log = read('--log-level', logLevel, (level) => {
    const checked = check(configFile.shape.log, { level })
    if ('faults' in checked) throw new SyntaxError(checked.faults[0]?.message)
    return checked.value
  })
  return { values: { ...(address && { listen: address }), ...(log && { log }) }, faults }
}
