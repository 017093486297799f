import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkFilter } from '../core/config/filter-schema.ts'
import type { DeliverySettings } from '../core/config/settings.ts'
import type { Handler } from '../core/on.ts'
import type { TriggerDefinition } from '../core/triggers.ts'
import { importModule } from './import-module.ts'

/** A function, ready to be run. */
export interface LoadedFunction {
  readonly file: string
  /** The trigger's name too. */
  readonly name: string
  readonly definition: TriggerDefinition
  readonly delivery: DeliverySettings
  readonly handler: Handler<unknown>
}

/**
 * Loads one module of the functions folder, or says what is wrong with it. Never rejects, and takes `patienceMs` at the most: a
 * module whose top-level await does not end would hold up every other one.
 */
export async function loadFunction(
  file: string,
  url: string,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<LoadedFunction | { readonly faults: readonly string[] }> {
  let exports: Readonly<Record<string, unknown>>
  const patience = new AbortController()
  try {
    const given = { signal: AbortSignal.any([signal, patience.signal]) }
    const loaded = await Promise.race([importModule(url), sleep(patienceMs, undefined, given)])
    if (!loaded) {
      const message = `is not loaded after ${patienceMs / 1000} s: a top-level await in it does not end; wait in the handler instead`
      return { faults: [message] }
    }
    exports = loaded
  } catch (error) {
    if (signal.aborted) return { faults: ['was being loaded when the folder was closed'] }
    return { faults: [`cannot be loaded: ${reasonOf(error)}`] }
  } finally {
    patience.abort()
  }
  if (!('default' in exports)) return { faults: ['has no default export: write `export default on(…)`'] }
  const value = exports.default
  if (!isFunctionValue(value))
    return { faults: ['its default export is not what on() returns: write `export default on(…)`'] }
  const checked = checkFilter(value.trigger)
  if ('faults' in checked)
    return { faults: checked.faults.map(({ path, message }) => (path ? `${path}: ${message}` : message)) }
  const { name = basename(file).replace(/\.[a-z]+$/, ''), delivery, ...filter } = checked.filter
  if (!/^[a-z0-9-]{1,63}$/.test(name))
    return {
      faults: [
        `its file's name is the function's, and ${JSON.stringify(name)} is not 1 to 63 lower-case letters, digits and dashes: rename the file, or give name: in the filter`,
      ],
    }
  return {
    file,
    name,
    definition: { ...filter, name, target: { function: name } },
    delivery: delivery ?? {},
    handler: value.handler,
  }
}

/** By its shape: the folder may have its own copy of this package. */
function isFunctionValue(value: unknown): value is { trigger: object; handler: Handler<unknown> } {
  if (typeof value !== 'object' || value === null || !('trigger' in value) || !('handler' in value)) return false
  return typeof value.trigger === 'object' && value.trigger !== null && typeof value.handler === 'function'
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`
  // the first line of a stack that names a file of the user's says where
  const where = error.stack
    ?.split('\n')
    .find((line) => line.includes('?generation='))
    ?.trim()
  const message = `${error.name}: ${error.message}`.replace(/\?generation=\d+/g, '')
  return where ? `${message} (${where.replace(/\?generation=\d+/g, '')})` : message
}
