import type { Settings, SinkSettings, SinkTrigger } from '../core/config/settings.ts'
import type { Log } from '../core/log.ts'
import type { TriggerDefinition, TriggerRecord } from '../core/triggers.ts'
import { FunctionFolder } from './function-folder.ts'
import type { LoadedFunction } from './function-module.ts'
import { functionTarget } from './function-target.ts'
import { deliveryPolicy } from './policy.ts'
import { ConfiguredSink } from './sink-target.ts'
import type { Target } from './target.ts'
import type { Assignment } from './trigger-worker.ts'

interface RunningFunction {
  current: LoadedFunction
  readonly target: Target
}

export interface TargetsOptions {
  readonly pollMs: number
  readonly checkMs: number
  /** Told when `definitions` or `assignments` would answer something else. */
  readonly onChange: () => void
}

/** Everything that this process can deliver to, and the triggers that go there. */
export class Targets {
  #settings: Settings
  readonly #log: Log
  readonly #onChange: () => void
  readonly #functions = new Map<string, RunningFunction>()
  readonly #checkMs: number
  #sinks: readonly ConfiguredSink[]
  /** Sinks that are configured no more, or otherwise. */
  readonly #leaving = new Set<Promise<void>>()
  #folder: FunctionFolder | undefined

  private constructor(settings: Settings, log: Log, { onChange, checkMs }: TargetsOptions) {
    this.#settings = settings
    this.#log = log
    this.#onChange = onChange
    this.#checkMs = checkMs
    this.#sinks = settings.sinks.map((sink) => this.#open(sink))
  }

  static async open(settings: Settings, log: Log, options: TargetsOptions): Promise<Targets> {
    const targets = new Targets(settings, log, options)
    const { pollMs } = options
    if (settings.functions !== undefined) {
      targets.#folder = await FunctionFolder.open(settings.functions, {
        log,
        taken: () => new Set(targets.#settings.triggers.map(({ name }) => name)),
        pollMs,
        onChange: () => targets.#reload(),
      })
      targets.#reload()
    } else if (settings.triggers.length === 0) {
      // a folder that was misnamed or stands elsewhere looks like this
      log.warn(
        'nothing to deliver to: make a functions folder beside the configuration and start again, or add triggers',
      )
    }
    return targets
  }

  /** Goes on with these sinks, triggers and delivery settings; the folder of functions stays the one it was opened with. */
  follow(settings: Settings): void {
    const before = new Map(this.#settings.sinks.map((sink, i) => [JSON.stringify(sink), this.#sinks[i]]))
    this.#settings = settings
    this.#sinks = settings.sinks.map((sink) => {
      const same = before.get(JSON.stringify(sink))
      before.delete(JSON.stringify(sink))
      return same ?? this.#open(sink)
    })
    // first of all their workers learn of it
    this.#onChange()
    for (const sink of before.values()) {
      if (!sink) continue
      const closed = sink.close()
      this.#leaving.add(closed)
      void closed.finally(() => this.#leaving.delete(closed))
    }
  }

  /** What is to be published: also of a sink that is not ready yet, so that nothing is missed meanwhile. */
  definitions(): readonly TriggerDefinition[] {
    const functions = [...this.#functions.values()].map(({ current }) => current.definition)
    return [...functions, ...this.#settings.triggers.flatMap((trigger) => this.#definition(trigger))]
  }

  /** Who runs what of this. */
  assignments(records: readonly TriggerRecord[]): readonly Assignment[] {
    return records.flatMap((record): Assignment[] => {
      if (record.state === 'dropping') return []
      const general = this.#settings.delivery
      const running = this.#functions.get(record.name)
      if (running)
        return [
          {
            record,
            target: running.target,
            policy: () => deliveryPolicy('function', general, running.current.delivery),
          },
        ]
      const trigger = this.#settings.triggers.find(({ name }) => name === record.name)
      const target = this.#sinks.find(({ name }) => name === trigger?.to)?.target
      return trigger && target
        ? [{ record, target, policy: () => deliveryPolicy('sink', general, trigger.delivery) }]
        : []
    })
  }

  problems(): readonly string[] {
    return [...(this.#folder?.problems() ?? []), ...this.#sinks.flatMap((sink) => sink.problems())]
  }

  async close(): Promise<void> {
    const functions = [...this.#functions.values()].map(({ target }) => target.close())
    await Promise.all([this.#folder?.close(), ...functions, ...this.#sinks.map((sink) => sink.close())])
    await Promise.all(this.#leaving)
  }

  #open(sink: SinkSettings): ConfiguredSink {
    return new ConfiguredSink(sink, this.#log, this.#onChange, this.#checkMs)
  }

  #definition({ to, delivery, name, gvk, ...filter }: SinkTrigger): TriggerDefinition[] {
    const sink = this.#sinks.find((one) => one.name === to)
    return sink ? [{ ...filter, name, gvk, target: { sink: sink.name, settings: sink.settings } }] : []
  }

  #reload(): void {
    const functions = this.#folder?.functions ?? []
    for (const name of this.#functions.keys()) {
      // its worker finishes what it runs with the handler it has
      if (!functions.some((one) => one.name === name)) this.#functions.delete(name)
    }
    for (const current of functions) {
      const running = this.#functions.get(current.name)
      if (running) running.current = current
      else {
        const fresh: RunningFunction = { current, target: functionTarget(() => fresh.current.handler, this.#log) }
        this.#functions.set(current.name, fresh)
      }
    }
    this.#onChange()
  }
}
