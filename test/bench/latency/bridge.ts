import { subscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadSettings } from '../../../core/config/load.ts'
import { silentLog } from '../../../core/log.ts'
import { startDispatcher } from '../../../dispatcher/dispatcher.ts'
import { startWatcher } from '../../../watcher/watcher.ts'
import { serve } from '../remote.ts'
import { Stopwatch } from './stopwatch.ts'

const watch = new Stopwatch()
let stop: () => Promise<void> = async () => {}
subscribe('deltabridge.bench.started', (data) => watch.stop(data))

const answers = serve({
  /** Resolves when it is ready, but for these clusters. */
  async start(role: 'watcher' | 'dispatcher', file: string, excused: readonly string[] = []) {
    const settings = loadSettings({ file, cwd: process.cwd(), env: {} })
    const start = role === 'watcher' ? startWatcher : startDispatcher
    const part = await start(settings, silentLog)
    stop = () => part.close()
    const isExcused = (problem: string) => excused.some((name) => problem.startsWith(`${name}: `))
    while (!(await part.problems()).every(isExcused)) await sleep(20)
  },
  /** Gives up what it holds, so that the next one need not wait for it. */
  stop: () => stop(),
  begin: () => watch.begin(),
  latencies: (count: number) => watch.latencies(count),
})

/** A watcher or a dispatcher of the bridge. */
export type BridgeProcess = typeof answers
