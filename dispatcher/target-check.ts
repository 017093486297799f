import type { Settings } from '../core/config/settings.ts'
import type { Finding } from '../core/finding.ts'
import { silentLog } from '../core/log.ts'
import type { TriggerDefinition } from '../core/triggers.ts'
import { FunctionFolder } from './function-folder.ts'
import type { CheckableTarget } from './sinks/event-target.ts'
import { openSink } from './sinks/open-sink.ts'
import { SinkError } from './sinks/sink.ts'

export interface CheckedFunctions {
  readonly findings: readonly Finding[]
  /** Of those that can be loaded. */
  readonly definitions: readonly TriggerDefinition[]
}

/** Loads every function, as a dispatcher would. */
export async function checkFunctions({ functions: path, triggers }: Settings): Promise<CheckedFunctions> {
  if (path === undefined) return { findings: [], definitions: [] }
  const taken = new Set(triggers.map(({ name }) => name))
  const folder = await FunctionFolder.open(path, { log: silentLog, taken: () => taken, onChange: () => {} })
  try {
    const loaded = folder.functions.map(
      ({ name, definition }): Finding => ({
        level: 'ok',
        about: `function ${name}`,
        message: `loads; it is told of ${definition.gvk.join(', ')}`,
      }),
    )
    const faults = folder.faults.map(({ about, message }): Finding => ({ level: 'error', about, message }))
    // beside its files' faults only that of the folder itself
    const unreadable = folder.problems().slice(0, folder.problems().length - faults.length)
    const whole = unreadable.map((message): Finding => ({ level: 'error', about: 'functions', message }))
    return {
      findings: [...whole, ...loaded, ...faults],
      definitions: folder.functions.map(({ definition }) => definition),
    }
  } finally {
    await folder.close()
  }
}

/** Asks every sink whether what would be sent arrives. */
export async function checkSinks({ sinks }: Settings, signal: AbortSignal): Promise<readonly Finding[]> {
  return Promise.all(
    sinks.map(async (settings): Promise<Finding> => {
      const about = `sink ${settings.name}`
      let target: CheckableTarget | undefined
      try {
        target = await openSink(settings, { log: silentLog, onGone: () => {} })
        await target.check(signal)
        return { level: 'ok', about, message: 'is there' }
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        const mayNotLook = error instanceof SinkError && error.reason === 'Forbidden'
        return { level: mayNotLook ? 'warning' : 'error', about, message }
      } finally {
        await target?.close()
      }
    }),
  )
}
