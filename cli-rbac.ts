import { stringify } from 'yaml'
import { CommandFailure, Misuse, settingsFor, type Values } from './cli-command.ts'
import { print } from './cli-print.ts'
import { withRedis } from './cli-redis.ts'
import { configuredTriggers, withPublished } from './cli-triggers.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import type { ClusterSettings, Settings } from './core/config/settings.ts'
import type { TriggerDefinition } from './core/triggers.ts'
import { checkFunctions } from './dispatcher/target-check.ts'
import { Connection } from './watcher/connection.ts'
import { leastRbac, type Subject } from './watcher/least-rbac.ts'
import { type Needs, needsOf } from './watcher/needs.ts'
import { watchFailure } from './watcher/watch-failure.ts'

const patienceMs = 15_000

/** Prints the manifests that allow what the triggers need, of one cluster or of all of them together. */
export async function rbac(values: Values): Promise<number> {
  const subject = subjectOf(values)
  const settings = settingsFor(values)
  const clusters = clustersOf(settings, values.cluster)
  const triggers = await triggersOf(settings)
  const needs = await Promise.all(clusters.map((cluster) => ask(cluster, triggers)))
  for (const gvk of new Set(needs.flatMap(({ unserved }) => [...unserved.keys()])))
    process.stderr.write(`${gvk} is not served everywhere; what it needs there is left out\n`)
  const queries = needs.flatMap((one) => one.queries)
  return print(
    leastRbac(queries, subject)
      .map((manifest) => stringify(manifest, { aliasDuplicateObjects: false }).trimEnd())
      .join('\n---\n'),
  )
}

/** Throws Misuse when it cannot be told from what was given. */
function subjectOf({ 'service-account': account, user }: Values): Subject {
  if (account !== undefined && user !== undefined) throw new Misuse('give --service-account or --user, not both')
  if (user !== undefined) return { kind: 'User', name: user }
  const [namespace, name, more] = (account ?? 'deltabridge/deltabridge').split('/')
  if (!namespace || !name || more !== undefined)
    throw new Misuse(`${account} is no service account: write NAMESPACE/NAME`)
  return { kind: 'ServiceAccount', namespace, name }
}

function clustersOf({ clusters }: Settings, name: string | undefined): readonly ClusterSettings[] {
  const wanted = name === undefined ? clusters : clusters.filter((one) => one.name === name)
  if (wanted.length > 0) return wanted
  const names = clusters.map((one) => one.name)
  const which =
    name === undefined ? 'no cluster is configured' : `there is no cluster ${name}${didYouMean(name, names)}`
  throw new CommandFailure('NotFound', which, { fix: 'add it to clusters' })
}

/** Of here and, where Redis answers, of everybody. */
async function triggersOf(settings: Settings): Promise<readonly TriggerDefinition[]> {
  const { definitions, findings } = await checkFunctions(settings)
  for (const { about, message } of findings.filter(({ level }) => level === 'error'))
    process.stderr.write(`${about}: ${message}; what it needs is left out\n`)
  const here = [...configuredTriggers(settings), ...definitions]
  try {
    return await withRedis(settings.redis, (redis) => withPublished(redis, settings.redis.prefix, here))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`${message}: only the triggers of this configuration are taken into account\n`)
    return here
  }
}

async function ask(cluster: ClusterSettings, triggers: readonly TriggerDefinition[]): Promise<Needs> {
  let connection: Connection | undefined
  try {
    connection = new Connection(cluster.access)
    return await needsOf(cluster, triggers, connection, AbortSignal.timeout(patienceMs))
  } catch (error) {
    const { reason, message } = watchFailure(error)
    throw new CommandFailure(reason, `cluster ${cluster.name} cannot say where the kinds are: ${message}`, {
      cause: error,
    })
  } finally {
    await connection?.close()
  }
}
