import { subscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadSettings } from '../../../core/config/load.ts'
import type { Readiness } from '../../../core/health.ts'
import { silentLog } from '../../../core/log.ts'
import { startDispatcher } from '../../../dispatcher/dispatcher.ts'
import { startWatcher } from '../../../watcher/watcher.ts'
import { serve } from '../remote.ts'
import { Stopwatch } from './stopwatch.ts'

const watch = new Stopwatch()
subscribe('deltabridge.bench.started', (data) => watch.stop(data))

const answers = serve({
  /** Resolves when it is ready. */
  async start(role: 'watcher' | 'dispatcher', file: string) {
    const settings = loadSettings({ file, cwd: process.cwd(), env: {} })
    const start = role === 'watcher' ? startWatcher : startDispatcher
    const part: Readiness = await start(settings, silentLog)
    while ((await part.problems()).length > 0) await sleep(20)
  },
  begin: () => watch.begin(),
  latencies: (count: number) => watch.latencies(count),
})

/** A watcher or a dispatcher of the bridge. */
export type BridgeProcess = typeof answers
