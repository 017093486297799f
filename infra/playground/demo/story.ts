import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine } from './process.ts'
import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** One promise, shown: answers whether it held. */
export type Scene = (stage: Stage, screen: Screen) => Promise<boolean>

/** A change in any cluster reaches the function and the bus. */
async function everyCluster({ shops, ledger, bus, until }: Stage, screen: Screen): Promise<boolean> {
  screen.scene('A change in any of three clusters reaches the same function, and the event bus')
  const startedAt = performance.now()
  for (const shop of shops) await shop.deploy('web', 2)
  const held = await until(() => ledger.complete)
  const tookMs = Math.round(performance.now() - startedAt)
  if (!held) return false
  for (const { cluster } of shops) screen.held(`${cluster.name.padEnd(8)} Added    Deployment shop/web`)
  screen.held(`${bus.count} CloudEvents on the bus; all of it in ${tookMs} ms`)
  return bus.count === 3
}

/** `changed` looks at one field, and the old value is there. */
async function oneField({ shops, ledger, log, until }: Stage, screen: Screen): Promise<boolean> {
  screen.scene('One field changes: whoever asked for it gets the old value too')
  const [eu] = shops
  await eu.annotate('web', 'nobody asked for this one')
  await eu.scale('web', 5)
  if (!(await until(() => ledger.complete))) return false
  const scaled = log.filter((line) => line.msg === 'scaled')
  const [line] = scaled
  screen.held(`prod-eu  Updated  Deployment shop/web   spec.replicas ${line?.from} → ${line?.to}   (function scaled)`)
  screen.held('an annotation changed as well: ledger heard of it, scaled did not')
  return scaled.length === 1 && line?.from === 2 && line.to === 5
}

/** A failing object waits alone, and its line keeps its order. */
async function failingFunction({ shops, ledger, log, until }: Stage, screen: Screen): Promise<boolean> {
  screen.scene('A function fails twice: that object waits and keeps its order, everyone else goes on')
  const [eu, us] = shops
  const failures = () => log.filter((line) => line.trigger === 'charge' && line.level === 'warn')
  await eu.order('order-1', 'placed')
  await eu.order('order-1', 'paid')
  await eu.order('order-1', 'shipped')
  if (!(await until(() => failures().length > 0))) return false
  screen.failure(`charge   order-1 paid: attempt 1 failed: ${reasonOf(failures()[0])}`)
  const others = Array.from({ length: 20 }, (_, i) => `order-${i + 2}`)
  for (const name of others) await us.order(name, 'placed')
  const charged = (name: string) => log.filter((line) => line.msg === 'charged' && line.name === name)
  const wentOn = await until(() => others.every((name) => charged(name).length === 1))
  const waiting = charged('order-1').length === 1
  if (!(wentOn && waiting)) return false
  screen.held('20 other orders charged meanwhile')
  if (!(await until(() => ledger.complete))) return false
  screen.failure(`charge   order-1 paid: attempt 2 failed: ${reasonOf(failures()[1])}`)
  const states = charged('order-1').map((line) => line.state)
  screen.held(`charge   order-1 ${states.join(', ')}: attempt 3 went through, in order`)
  return failures().length === 2 && states.join() === 'placed,paid,shipped'
}

function reasonOf(line: LogLine | undefined): string {
  const err = line?.err as { message?: string } | undefined
  return err?.message ?? String(line?.err)
}

/** What happened while the watcher was dead arrives, whether the cluster remembers it or not. */
async function watcherKilled(stage: Stage, screen: Screen): Promise<boolean> {
  const { shops, ledger, watcher, log, until } = stage
  screen.scene('The watcher is killed with -9, and objects change while it is gone')
  const [eu, us, staging] = shops
  for (const shop of shops) for (const name of ['cart', 'mail']) await shop.deploy(name, 1)
  if (!(await until(() => ledger.complete))) return false
  const before = ledger.expectedCount
  const pid = watcher.pid
  await watcher.kill()
  screen.note(`kill -9 ${pid}   (watcher)`)
  for (const shop of shops) {
    await shop.deploy('search', 1)
    await shop.scale('web', 7)
    await shop.undeploy('cart')
    await shop.undeploy('mail')
    await shop.deploy('mail', 1)
  }
  // where history is gone, only a list can tell what was missed
  us.cluster.compact()
  const missed = ledger.expectedCount - before
  screen.note(
    'in each cluster: 1 created, 1 scaled, 1 deleted, 1 deleted and created again; prod-us forgets its history',
  )
  const seenBefore = log.length
  if (!(await stage.start('watcher')) || !(await until(() => ledger.complete))) return false
  // time for something to come that should not
  await sleep(1_000)
  const seen = log.slice(seenBefore).filter((line) => line.msg === 'seen')
  const of = (shop: typeof us) => seen.filter((line) => line.cluster === shop.cluster.name).length
  screen.held(`started again: exactly the ${missed} deltas that were missed arrived, nothing else`)
  screen.held(
    `ledger   prod-eu ${of(eu)}, prod-us ${of(us)} (found by comparing), staging ${of(staging)}; each recreation Deleted, then Added`,
  )
  return seen.length === 15
}

/** A cluster that is down costs the others nothing, and loses nothing. */
async function clusterDown({ shops, ledger, bus, until }: Stage, screen: Screen): Promise<boolean> {
  screen.scene('prod-us goes down; the others do not notice')
  const [eu, us, staging] = shops
  await us.cluster.down()
  const startedAt = performance.now()
  const arrivedBefore = ledger.deliveredCount
  for (let n = 1; n <= 5; n++) {
    await eu.scale('web', 10 + n)
    await staging.scale('web', 10 + n)
  }
  if (!(await until(() => ledger.complete))) return false
  const tookMs = Math.round(performance.now() - startedAt)
  screen.held(
    `prod-eu, staging: ${ledger.deliveredCount - arrivedBefore} deltas in ${tookMs} ms while prod-us refused connections`,
  )
  await us.scale('web', 20)
  await us.undeploy('search')
  await us.cluster.up()
  if (!(await until(() => ledger.complete, 20_000))) return false
  screen.held(`prod-us is back: what changed in it meanwhile has arrived (${bus.count} events on the bus by now)`)
  return true
}

export const scenes: readonly Scene[] = [everyCluster, oneField, failingFunction, watcherKilled, clusterDown]
