import { isDeepStrictEqual } from 'node:util'
import type { AnyDelta } from '../../core/delta.ts'
import type { ClusterModel, ModelObject, Occurrence } from './cluster-model.ts'
import { attempts } from './dispatcher-process.ts'
import type { Ledger, Watched } from './ledger.ts'
import { Relists } from './relists.ts'

/** What a trigger was told of one object's name, and what became of it. */
interface Told {
  readonly delta: AnyDelta
  readonly occurrence: Occurrence
}

/** Every way in which what was delivered is not what happened. `dead`: per trigger, the ids of its dead letters. */
export function faultsOf(
  cluster: ClusterModel,
  ledger: Ledger,
  dead: ReadonlyMap<string, readonly string[]>,
): string[] {
  const names = new Set(cluster.occurrences.map(({ name }) => name))
  return ledger.triggers.flatMap((trigger) => {
    const relists = new Relists(ledger.lists, trigger.streamId)
    const lines = [...names].flatMap((name) => line(cluster, ledger, trigger, name, relists))
    return [...lines, ...endings(ledger, trigger.id, dead.get(trigger.id) ?? [])].map(
      (fault) => `${trigger.id} (${trigger.kind}): ${fault}`,
    )
  })
}

function line(cluster: ClusterModel, ledger: Ledger, trigger: Watched, name: string, relists: Relists): string[] {
  const faults: string[] = []
  const history = cluster.occurrences.filter((occurrence) => occurrence.name === name)
  const told: Told[] = []
  let at = -1
  for (const { delta } of ledger.calls.filter((call) => call.triggerId === trigger.id && call.delta.name === name)) {
    const before = told.findIndex((other) => other.delta.id === delta.id)
    if (before !== -1) {
      if (!isDeepStrictEqual(told[before]!.delta, delta)) faults.push(`${delta.id} is told twice, and differently`)
      if (before !== at && before !== at + 1 && ledger.dispatcherMishaps === 0)
        faults.push(`${delta.id} is told again after ${told[at]!.delta.id}`)
      if (before > at + 1) faults.push(`${delta.id} is told again before its turn`)
      at = before
      continue
    }
    const occurrence = history.find((one) => idOf(one) === delta.id)
    if (!occurrence) {
      faults.push(`${delta.id} never happened`)
      continue
    }
    if (at !== told.length - 1) faults.push(`${delta.id} is told before what was to be repeated`)
    faults.push(...misfit(trigger, delta, occurrence, told, relists))
    told.push({ delta, occurrence })
    at = told.length - 1
  }
  return [...faults, ...untold(trigger, history, told, relists)]
}

function idOf({ type, uid, rv }: Occurrence): string {
  return type === 'deleted' ? `${uid}.deleted` : `${uid}.${rv}`
}

/** Why this delta cannot come here. */
function misfit(
  trigger: Watched,
  delta: AnyDelta,
  occurrence: Occurrence,
  told: readonly Told[],
  relists: Relists,
): string[] {
  const { type, id } = delta
  const { rv, uid } = occurrence
  const faults: string[] = []
  const last = told.at(-1)
  if (last && last.occurrence.rv >= rv) faults.push(`${id} comes after ${last.delta.id}`)
  const ofUid = told.filter((one) => one.occurrence.uid === uid)
  const lastOfUid = ofUid.at(-1)
  const byRelist = relists.cover(rv)
  const fromThere = trigger.askedAt ?? (trigger.kind.startsWith('existing') ? 0 : relists.firstBirth)
  if (rv <= fromThere) faults.push(`${id} happened before the trigger was there`)
  if (lastOfUid?.delta.type === 'Deleted') faults.push(`${id} comes after its object's end`)
  switch (occurrence.type) {
    case 'created':
      if (type !== 'Added') faults.push(`${id} is told as ${type}`)
      break
    case 'updated':
      if (type !== 'Updated' && !(type === 'Added' && byRelist && !lastOfUid)) faults.push(`${id} is told as ${type}`)
      break
    case 'deleted':
      if (type !== 'Deleted') faults.push(`${id} is told as ${type}`)
      break
    default:
      occurrence.type satisfies never
  }
  if (type === 'Added' && lastOfUid) faults.push(`${id} is told of an object that was told already`)
  const always = trigger.kind.startsWith('existing')
  if (type !== 'Added' && !lastOfUid && always) faults.push(`${id} is told of an object never Added`)
  if (delta.initial && !(always && rv <= relists.lastBirth)) faults.push(`${id} is initial`)
  if (type === 'Added' && always && rv <= relists.firstBirth && !delta.initial) faults.push(`${id} is not initial`)
  return [...faults, ...contentFaults(trigger, delta, occurrence, lastOfUid, byRelist)]
}

function contentFaults(
  trigger: Watched,
  delta: AnyDelta,
  occurrence: Occurrence,
  last: Told | undefined,
  byRelist: boolean,
): string[] {
  const { id } = delta
  const keeps = trigger.kind !== 'now' && trigger.kind !== 'existing'
  const lastObject = last?.delta.object as ModelObject | undefined
  const object = delta.object as ModelObject
  const faults: string[] = []
  if (delta.type === 'Deleted' && delta.finalStateUnknown) {
    if (!byRelist) faults.push(`${id} is told with its final state unknown, but nobody listed`)
    if (keeps && lastObject && object.data?.value !== lastObject.data.value)
      faults.push(`${id} does not carry the last state told`)
    if (!keeps && 'data' in object) faults.push(`${id} carries a state that nobody kept`)
    return faults
  }
  if (!isDeepStrictEqual(object, occurrence.object)) faults.push(`${id} carries another object`)
  if (delta.type !== 'Updated') return faults
  const old = 'old' in delta ? (delta.old as ModelObject | undefined) : undefined
  if (!keeps) return old ? [...faults, `${id} carries an old that nobody asked for`] : faults
  if (!old) return [...faults, `${id} carries no old`]
  if (old.metadata.uid !== object.metadata.uid || Number(old.metadata.resourceVersion) >= occurrence.rv)
    faults.push(`${id} carries an old that is none`)
  if (trigger.kind === 'changed') {
    if (old.data.value === object.data.value) faults.push(`${id} is told though nothing changed`)
    if (lastObject && old.data.value !== lastObject.data.value) faults.push(`${id} carries an old that was never told`)
  } else if (lastObject && !isDeepStrictEqual(old, lastObject))
    faults.push(`${id} carries an old that is not the last told`)
  return faults
}

/** What the trigger had to be told and was not. */
function untold(trigger: Watched, history: readonly Occurrence[], told: readonly Told[], relists: Relists): string[] {
  if (trigger.attachedAt === undefined && !trigger.kind.startsWith('existing')) return []
  const from = trigger.kind.startsWith('existing') ? 0 : trigger.attachedAt!
  const to = trigger.removedAt ?? Number.POSITIVE_INFINITY
  const faults: string[] = []
  history.forEach((occurrence, i) => {
    const { rv, uid, type } = occurrence
    if (rv <= from || rv > to || told.some((one) => one.occurrence === occurrence)) return
    const next = history[i + 1]
    const seen = (one: Occurrence, following: Occurrence | undefined) =>
      !relists.cover(one.rv) || (one.type !== 'deleted' && relists.shown(one.rv, following?.rv))
    if (type === 'deleted') {
      const wasThere = told.some((one) => one.occurrence.uid === uid)
      const wasKnown =
        trigger.askedAt !== undefined && history.some((one) => one.uid === uid && one.rv <= trigger.askedAt!)
      if (seen(occurrence, next) ? created(history, uid) <= from || wasThere : wasThere || wasKnown)
        faults.push(`${idOf(occurrence)} is never told`)
      return
    }
    if (!seen(occurrence, next)) return
    if (type === 'updated' && trigger.kind === 'changed') {
      const before = history[i - 1]!
      // what was known before it is not certain, or does not differ
      if (!seen(before, occurrence) || before.object.data.value === occurrence.object.data.value) return
    }
    faults.push(`${idOf(occurrence)} is never told`)
  })
  return faults
}

function created(history: readonly Occurrence[], uid: string): number {
  return history.find((one) => one.uid === uid)!.rv
}

/** How the deliveries of each delta ended: delivered, or a dead letter after as many attempts as there are. */
function endings(ledger: Ledger, triggerId: string, dead: readonly string[]): string[] {
  const faults: string[] = []
  const exact = ledger.dispatcherMishaps === 0
  if (new Set(dead).size !== dead.length) faults.push(`two dead letters of one delta: ${dead.join(' ')}`)
  const calls = ledger.calls.filter((call) => call.triggerId === triggerId)
  const ids = new Set(calls.map(({ delta }) => delta.id))
  for (const id of dead) if (!ids.has(id) && exact) faults.push(`${id} is a dead letter and was never tried`)
  for (const id of ids) {
    const mine = calls.filter(({ delta }) => delta.id === id)
    const failed = mine.filter(({ outcome }) => outcome === 'failed').length
    const delivered = mine.filter(({ outcome }) => outcome === 'ok').length
    const isDead = dead.includes(id)
    if (!isDead && mine.at(-1)?.outcome !== 'ok') faults.push(`${id} failed and is no dead letter`)
    if (isDead && delivered > 0 && exact) faults.push(`${id} was delivered and is a dead letter`)
    if (isDead && failed + ledger.dispatcherMishaps < attempts)
      faults.push(`${id} is a dead letter after ${failed} attempts`)
    if (!exact) continue
    if (delivered > 1) faults.push(`${id} was delivered ${delivered} times`)
    if (isDead && failed !== attempts) faults.push(`${id} is a dead letter after ${failed} attempts`)
    mine.forEach(({ attempt }, i) => {
      if (attempt !== i + 1) faults.push(`${id} is tried for the ${i + 1}. time, told ${attempt}`)
    })
  }
  return faults
}
