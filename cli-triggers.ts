import type { Redis } from 'ioredis'
import { CommandFailure } from './cli-command.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import type { Settings } from './core/config/settings.ts'
import { installationKeys } from './core/redis/keys.ts'
import { readTriggerRecords, readTriggers, type TriggerDefinition, type TriggerRecord } from './core/triggers.ts'

/** The triggers that stand in the configuration. */
export function configuredTriggers({ triggers }: Settings): TriggerDefinition[] {
  return triggers.map(({ to, delivery, ...filter }) => ({ ...filter, target: { sink: to, settings: '' } }))
}

/** Those of Redis, too: functions may be in other places than this. What stands here is newer. */
export async function withPublished(
  redis: Redis,
  prefix: string,
  here: readonly TriggerDefinition[],
): Promise<readonly TriggerDefinition[]> {
  const { triggers } = await readTriggers(redis, installationKeys(prefix))
  const names = new Set(here.map(({ name }) => name))
  return [...here, ...triggers.filter(({ name }) => !names.has(name)).map(({ definition }) => definition)]
}

/** Throws CommandFailure when there is no trigger of that name, or not for long. */
export async function triggerNamed(redis: Redis, prefix: string, name: string): Promise<TriggerRecord> {
  const records = await readTriggerRecords(redis, installationKeys(prefix))
  const record = records.find((one) => one.name === name)
  const fix = 'see deltabridge status'
  if (!record) {
    const names = records.map((one) => one.name)
    throw new CommandFailure('NotFound', `there is no trigger ${name}${didYouMean(name, names)}`, { fix })
  }
  if (record.state === 'dropping')
    throw new CommandFailure('Dropping', `trigger ${name} is being dropped, with what waits for it`, { fix })
  return record
}
