import { setTimeout as sleep } from 'node:timers/promises'
import { Misuse, settingsFor, type Values } from './cli-command.ts'
import { type Overview, overview } from './cli-overview.ts'
import { print, table, wantsJson } from './cli-print.ts'
import { withRedis } from './cli-redis.ts'
import { didYouMean } from './core/config/did-you-mean.ts'
import { globList } from './core/filter.ts'
import type { StreamState } from './core/status.ts'

const streamStates: readonly StreamState[] = [
  'Pending',
  'Syncing',
  'Live',
  'Retrying',
  'Blocked',
  'Invalid',
  'Suspicious',
  'Gone',
]

const lookAgainMs = 2_000

/** Prints how everything is; with `--watch` again and again until `signal` aborts. */
export async function status(values: Values, signal: AbortSignal): Promise<number> {
  const json = wantsJson(values)
  const narrow = narrower(values)
  const settings = settingsFor(values)
  const names = settings.clusters.map(({ name }) => name)
  return withRedis(settings.redis, async (redis) => {
    for (;;) {
      const shown = narrow(await overview(redis, settings.redis.prefix, names))
      if (json) print(JSON.stringify(shown, null, values.watch ? undefined : 2))
      else {
        // over what stood there before
        if (values.watch && process.stdout.isTTY) process.stdout.write('\x1b[H\x1b[2J')
        print(tables(shown, values))
      }
      if (!values.watch || signal.aborted) return 0
      await sleep(lookAgainMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return 0
    }
  })
}

/** Throws Misuse for a state that there is not. */
function narrower({ cluster, gvk, state, problems }: Values): (whole: Overview) => Overview {
  if (state !== undefined && !streamStates.some((one) => one === state))
    throw new Misuse(`there is no state ${state}${didYouMean(state, streamStates)}`)
  const wanted = globList(cluster === undefined ? [] : cluster.split(','))
  return ({ clusters, streams, triggers, processes }) => ({
    clusters: clusters.filter((one) => wanted(one.name) && !(problems && one.state === 'Owned')),
    streams: streams.filter(
      (one) =>
        wanted(one.cluster) &&
        (gvk === undefined || one.gvk === gvk) &&
        (state === undefined || one.state === state) &&
        !(problems && one.state === 'Live'),
    ),
    triggers: triggers.filter(
      (one) => !problems || one.dead > 0 || one.retrying > 0 || one.state !== 'Active' || one.reason !== undefined,
    ),
    processes,
  })
}

/** Streams are many: they are shown where they are asked for, and where something is wrong with them. */
function tables(
  { clusters, streams, triggers, processes }: Overview,
  { cluster, gvk, state, problems }: Values,
): string {
  const asked = cluster !== undefined || gvk !== undefined || state !== undefined || problems === true
  const shown = asked ? streams : streams.filter((one) => one.state !== 'Live')
  const live = (name: string) => {
    const all = streams.filter((one) => one.cluster === name)
    return `${all.filter((one) => one.state === 'Live').length}/${all.length}`
  }
  const why = ({ reason, message }: { readonly reason?: string; readonly message?: string }) =>
    reason === undefined ? '' : message === undefined ? reason : `${reason}: ${message}`
  const parts = [
    table(
      ['CLUSTER', 'STATE', 'VERSION', 'STREAMS LIVE', 'WHY'],
      clusters.map((one) => [one.name, one.state, one.version || undefined, live(one.name), why(one)]),
    ),
    table(
      ['CLUSTER', 'STREAM', 'NAMESPACE', 'STATE', 'OBJECTS', 'LAG', 'WHY'],
      shown.map((one) => {
        const lag = `${one.lagSeconds}s`
        return [one.cluster, one.gvk, one.namespace || '*', one.state, one.objects, lag, why(one)]
      }),
    ),
    table(
      ['TRIGGER', 'TARGET', 'STATE', 'PENDING', 'IN FLIGHT', 'RETRYING', 'DEAD', 'OLDEST', 'WHY'],
      triggers.map((one) => {
        const { name, target, pending, inFlight, retrying, dead, oldestPendingSeconds } = one
        const oldest = `${oldestPendingSeconds}s`
        return [name, target, one.state, pending, inFlight, retrying, dead, oldest, why(one)]
      }),
    ),
    table(
      ['PROCESS', 'ROLE', 'STARTED'],
      processes.map(({ id, role, startedAt }) => [id, role, startedAt]),
    ),
  ]
  const rows = [clusters, shown, triggers, processes].map(({ length }) => length)
  const told = parts.filter((_, part) => rows[part]! > 0)
  return told.length === 0 ? 'nothing to tell' : told.join('\n\n')
}
