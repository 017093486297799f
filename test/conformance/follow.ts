import { setTimeout as timer } from 'node:timers/promises'
import { type ListWatchOptions, listWatch } from '../../watcher/list-watch.ts'
import type { WatchEvent } from '../../watcher/watch-event.ts'
import { WatchListSupport } from '../../watcher/watch-list-support.ts'
import { type Answer, configMapQuery as query, ScriptedApi } from '../support/scripted-api.ts'

/** Reads until the script is used up and one more watch stands. `streamed`: lists are asked for as streams first. */
export async function follow(
  script: readonly Answer[],
  { from, streamed = false, random = () => 0 }: { from?: string; streamed?: boolean; random?: () => number } = {},
) {
  const api = new ScriptedApi(script)
  const stop = new AbortController()
  const waits: number[] = []
  const events: WatchEvent[] = []
  const options: ListWatchOptions = {
    api,
    query,
    from,
    signal: stop.signal,
    random,
    ...(streamed && { watchLists: new WatchListSupport() }),
    sleep: async (ms) => {
      waits.push(Math.round(ms))
      await timer(0)
    },
  }
  for await (const some of listWatch(options)) {
    events.push(...some)
    if (api.requests.length > script.length) stop.abort()
  }
  const asked = api.requests.map(({ query: { watch, sendInitialEvents, resourceVersion = '' } }) =>
    watch === undefined ? 'list' : sendInitialEvents ? 'streamed list' : `watch ${resourceVersion}`,
  )
  return { events, told: events.map(short), asked, waits, requests: api.requests }
}

/** `Apply a 3` */
function short(event: WatchEvent): string {
  switch (event.type) {
    case 'InitApply':
    case 'Apply':
    case 'Delete':
      return `${event.type} ${event.object.name} ${event.object.resourceVersion}`
    case 'InitDone':
    case 'Bookmark':
      return `${event.type} ${event.resourceVersion}`
    case 'Failed':
      return `Failed ${event.failure.reason}`
    default:
      return event.type
  }
}
