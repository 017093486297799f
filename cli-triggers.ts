import type { Redis } from 'ioredis'
import type { Settings } from './core/config/settings.ts'
import { installationKeys } from './core/redis/keys.ts'
import { readTriggers, type TriggerDefinition } from './core/triggers.ts'

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
