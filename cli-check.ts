import { checkRedis } from './cli-check-redis.ts'
import { settingsFor, type Values } from './cli-command.ts'
import { print, wantsJson } from './cli-print.ts'
import { withRedis } from './cli-redis.ts'
import { configuredTriggers, withPublished } from './cli-triggers.ts'
import { BadConfig } from './core/config/fault.ts'
import type { Settings } from './core/config/settings.ts'
import type { Finding } from './core/finding.ts'
import type { TriggerDefinition } from './core/triggers.ts'
import { checkFunctions, checkSinks } from './dispatcher/target-check.ts'
import { type CheckedCluster, checkCluster } from './watcher/cluster-check.ts'

/** One cluster or sink that hangs is told like one that is away. */
const patienceMs = 15_000
/** Of `known`, per object, measured in Redis. */
const bytesPerObject = 200

/** Prints what would go wrong; 1 if anything would. */
export async function check(values: Values): Promise<number> {
  const json = wantsJson(values)
  const findings = await findAll(values)
  const wrong = findings.some(({ level }) => level === 'error' || (values.strict && level === 'warning'))
  print(json ? JSON.stringify({ ok: !wrong, findings }, null, 2) : findings.map(lineOf).join('\n'))
  return wrong ? 1 : 0
}

async function findAll(values: Values): Promise<readonly Finding[]> {
  let settings: Settings
  try {
    settings = settingsFor(values)
  } catch (error) {
    if (!(error instanceof BadConfig)) throw error
    return error.faults.map(({ path, message }) => ({ level: 'error', about: path || 'configuration', message }))
  }
  const functions = await checkFunctions(settings)
  const here = [...configuredTriggers(settings), ...functions.definitions]
  const redis = await redisFindings(settings, here)
  const signal = AbortSignal.timeout(patienceMs)
  const [clusters, sinks] = await Promise.all([
    Promise.all(settings.clusters.map((cluster) => checkCluster(cluster, redis.triggers, signal))),
    checkSinks(settings, signal),
  ])
  return [
    { level: 'ok', about: 'configuration', message: settings.file ?? 'none: the defaults hold' },
    ...redis.findings,
    ...clusters.flatMap(({ findings }) => findings),
    ...twins(clusters),
    ...functions.findings,
    ...sinks,
    sizeOf(clusters),
  ]
}

/** With the triggers that stand in Redis, where it answers. */
async function redisFindings(
  settings: Settings,
  here: readonly TriggerDefinition[],
): Promise<{ readonly findings: readonly Finding[]; readonly triggers: readonly TriggerDefinition[] }> {
  const { prefix } = settings.redis
  try {
    return await withRedis(settings.redis, async (redis) => ({
      findings: await checkRedis(redis, prefix),
      triggers: await withPublished(redis, prefix, here),
    }))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const fix = 'start it, or correct redis in the configuration'
    return { findings: [{ level: 'error', about: 'redis', message, fix }], triggers: here }
  }
}

/** One cluster under two names: everything in it would be told twice. */
function twins(clusters: readonly CheckedCluster[]): Finding[] {
  const byUid = Map.groupBy(
    clusters.filter(({ uid }) => uid !== undefined),
    ({ uid }) => uid,
  )
  return [...byUid.values()]
    .map((same) => same.map(({ name }) => name))
    .filter((names) => names.length > 1)
    .map((names) => ({
      level: 'error',
      about: `clusters ${names.join(' and ')}`,
      message: 'are one and the same cluster: everything in it would be told more than once',
      fix: 'keep one of them',
    }))
}

function sizeOf(clusters: readonly CheckedCluster[]): Finding {
  const streams = clusters.reduce((sum, cluster) => sum + cluster.streams, 0)
  const objects = clusters.reduce((sum, cluster) => sum + cluster.objects, 0)
  const mebibytes = Math.ceil((objects * bytesPerObject) / (1 << 20))
  // a connection per watch, and one per cluster for everything else
  const connections = streams + clusters.length
  const message = `${streams} streams over ${connections} connections, ${objects} objects, ${mebibytes} MiB of Redis to know them`
  return { level: 'ok', about: 'size', message }
}

function lineOf({ level, about, message, fix }: Finding): string {
  const text = fix === undefined ? message : `${message}: ${fix}`
  return `${level.padEnd(7)}  ${about}: ${text}`.replaceAll(/\s*\n\s*/g, ' ')
}
