import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Told } from './demo/ledger.ts'
import { Screen } from './demo/screen.ts'
import { type Stage, setStage } from './demo/stage.ts'
import { scenes } from './demo/story.ts'

export interface DemoOptions {
  /** The file of the command line: the demo starts a watcher and a dispatcher of it. */
  readonly cli: string
  /** Leaves everything running at the end, until `signal` aborts. */
  readonly keep: boolean
  readonly colour: boolean
  readonly write: (line: string) => void
  readonly signal: AbortSignal
}

/** Tells the story of the playground. Resolves with the exit code: 0 only when every promise held. */
export async function runDemo({ cli, keep, colour, write, signal }: DemoOptions): Promise<number> {
  const startedAt = performance.now()
  const screen = new Screen(write, colour)
  screen.title('deltabridge: what changes in many Kubernetes clusters, delivered in order to functions and event buses')
  await using stage = await setStage({ cli, note: (text) => screen.note(text), signal })
  screen.note(`clusters   prod-eu, prod-us, staging (in this process)    Redis on port ${stage.redis.port}`)
  // what a trigger hears begins when it is known: the functions first, then those who watch for them
  const ready = (await stage.start('dispatcher')) && (await stage.start('watcher'))
  if (signal.aborted) return 130
  screen.note(
    `processes  watcher ${stage.watcher.pid}, dispatcher ${stage.dispatcher.pid}    event bus ${stage.bus.url}`,
  )
  let held = ready
  if (!ready) {
    screen.broken('the watcher or the dispatcher did not become ready')
    for (const trouble of stage.troubles) screen.note(`  ${trouble}`)
  }
  for (const scene of ready ? scenes : []) {
    if (await scene(stage, screen)) continue
    held = false
    if (!signal.aborted) screen.broken('this did not hold')
    break
  }
  if (signal.aborted) return 130
  const proven = summary(stage, screen) && held
  screen.plain()
  screen.plain(
    proven
      ? `   Every promise held, in ${Math.round((performance.now() - startedAt) / 1_000)} s.`
      : '   A promise did not hold: this is a bug, please report it with the lines above.',
  )
  if (keep) await left(stage, screen, signal)
  return proven ? 0 : 1
}

function summary({ ledger, log, bus }: Stage, screen: Screen): boolean {
  const { lost, repeated, madeUp, outOfOrder } = ledger.verdict()
  const dead = log.filter((line) => line.level === 'error').length
  screen.plain()
  screen.plain(
    `   ${ledger.deliveredCount} deltas delivered, ${bus.count} of them to the bus: ${lost.length} lost, ${repeated.length} repeated, ${madeUp.length} made up, ${outOfOrder.length} out of order; ${dead} dead letters`,
  )
  const tell = (what: string, list: readonly Told[]) => {
    for (const told of list.slice(0, 5))
      screen.broken(`${what}: ${told.trigger} ${told.cluster} ${told.name} ${told.id}`)
  }
  tell('lost', lost)
  tell('repeated', repeated)
  tell('made up', madeUp)
  tell('out of order', outOfOrder)
  return lost.length + repeated.length + madeUp.length + outOfOrder.length + dead === 0
}

async function left(stage: Stage, screen: Screen, signal: AbortSignal): Promise<void> {
  const kubeconfig = join(stage.folder, 'clusters', 'prod-eu.yaml')
  screen.plain()
  screen.plain('   Still running; Ctrl-C ends it. In another terminal:')
  screen.plain(`     export KUBECONFIG=${kubeconfig}`)
  screen.plain('     kubectl -n shop get deployments')
  screen.plain('     kubectl -n shop scale deployment web --replicas=3')
  screen.plain(`   and look at ${stage.bus.url} for what arrived. What the functions say:`)
  let told = stage.log.length
  while (!signal.aborted) {
    for (; told < stage.log.length; told++) {
      const { msg, trigger, cluster, namespace, name, type } = stage.log[told]!
      if (trigger) screen.plain(`     ${trigger}: ${msg} ${type ?? ''} ${cluster} ${namespace}/${name}`)
    }
    await sleep(100, undefined, { signal }).catch(() => {})
  }
}
