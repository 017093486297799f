import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { installationKeys } from '../../core/redis/keys.ts'
import { readTriggerRecords, readTriggers, type TriggerDefinition, type TriggerRecord } from '../../core/triggers.ts'
import { Registry } from '../../dispatcher/registry/registry.ts'
import { redisCorner } from '../support/redis.ts'

const livesMs = 300
const definition = (name: string, more: Partial<TriggerDefinition> = {}): TriggerDefinition => ({
  name,
  gvk: ['v1/Pod'],
  target: { function: name },
  ...more,
})

/** An installation that any number of dispatchers publish to. */
async function openInstallation(orphanMs = 60_000) {
  const corner = redisCorner()
  const redis = await corner.connect()
  const keys = installationKeys(corner.prefix)
  return {
    redis,
    keys,
    process: () => new Registry({ redis, keys, log: silentLog, orphanMs, livesMs }),
    async record(name: string): Promise<TriggerRecord | undefined> {
      return (await readTriggerRecords(redis, keys)).find((one) => one.name === name)
    },
    async inForce(): Promise<string[]> {
      return (await readTriggers(redis, keys)).triggers.map(({ name }) => name).sort()
    },
    async revision(): Promise<number> {
      return Number((await readTriggers(redis, keys)).revision)
    },
  }
}

async function publish(registry: Registry, ...definitions: TriggerDefinition[]) {
  registry.set(definitions)
  return registry.publish()
}

describe('what is in force', () => {
  test('is the union of what all dispatchers publish', async () => {
    const { process, inForce } = await openInstallation()
    await publish(process(), definition('a'), definition('b'))
    await publish(process(), definition('b'), definition('c'))
    expect(await inForce()).toEqual(['a', 'b', 'c'])
  })

  test('is told to the publisher, with an id of its own for each', async () => {
    const { process } = await openInstallation()
    const records = await publish(process(), definition('a'), definition('b'))
    expect(records.map(({ name, state }) => [name, state]).sort()).toEqual([
      ['a', 'active'],
      ['b', 'active'],
    ])
    expect(new Set(records.map(({ id }) => id)).size).toBe(2)
  })

  test('has a revision that moves when a record changes, and only then', async () => {
    const { process, revision } = await openInstallation()
    const one = process()
    await publish(one, definition('a'))
    const first = await revision()
    await one.publish()
    await publish(process(), definition('a'))
    expect(await revision()).toBe(first)
    await publish(one, definition('a', { names: ['x'] }))
    expect(await revision()).toBeGreaterThan(first)
  })
})

describe('two definitions of one name', () => {
  const old = definition('a', { names: ['old'] })
  const new_ = definition('a', { names: ['new'] })

  test('an edit that a living dispatcher saw wins, and the other one is told', async () => {
    const { process, record } = await openInstallation()
    const [one, two] = [process(), process()]
    await publish(one, old)
    await publish(two, old)
    await publish(two, new_)
    await one.publish()
    expect((await record('a'))?.definition.names).toEqual(['new'])
    expect(one.problems()).toEqual([expect.stringMatching(/trigger a: another dispatcher publishes a different/)])
    expect(two.problems()).toEqual([])
  })

  test('a definition never seen before wins at a start; one that stood here before does not', async () => {
    const { process, record } = await openInstallation()
    const one = process()
    await publish(one, old)
    const two = process()
    await publish(two, new_)
    expect((await record('a'))?.definition.names).toEqual(['new'])
    await publish(process(), old)
    expect((await record('a'))?.definition.names).toEqual(['new'])
  })

  test('going back to an earlier definition is a change when a living dispatcher sees it', async () => {
    const { process, record } = await openInstallation()
    const [one, two] = [process(), process()]
    await publish(one, old)
    await publish(one, new_)
    await publish(two, new_)
    await publish(one, old)
    expect((await record('a'))?.definition.names).toEqual(['old'])
    await two.publish()
    expect((await record('a'))?.definition.names).toEqual(['old'])
  })

  test('an earlier one is in force again when nobody living has the later one', async () => {
    const { process, record } = await openInstallation()
    const two = process()
    await publish(two, old)
    await publish(two, new_)
    const one = process()
    await publish(one, old)
    expect((await record('a'))?.definition.names).toEqual(['new'])
    await two.close()
    await one.publish()
    expect((await record('a'))?.definition.names).toEqual(['old'])
    expect(one.problems()).toEqual([])
  })

  test('keep the record and its id: an edit starts nothing over', async () => {
    const { process, record } = await openInstallation()
    const one = process()
    const [before] = await publish(one, old)
    await publish(one, new_)
    expect((await record('a'))?.id).toBe(before?.id)
  })
})

describe('withdrawal', () => {
  test('by its last publisher makes an orphan, which stays in force', async () => {
    const { process, record, inForce, revision } = await openInstallation()
    const one = process()
    await publish(one, definition('a'))
    const before = await revision()
    await publish(one)
    expect(await record('a')).toMatchObject({ state: 'orphaned' })
    expect(await inForce()).toEqual(['a'])
    expect(await revision()).toBeGreaterThan(before)
  })

  test('while another living dispatcher publishes it changes nothing', async () => {
    const { process, record } = await openInstallation()
    const [one, two] = [process(), process()]
    await publish(one, definition('a'))
    await publish(two, definition('a'))
    await publish(one)
    expect(await record('a')).toMatchObject({ state: 'active' })
    await publish(two)
    expect(await record('a')).toMatchObject({ state: 'orphaned' })
  })

  test('is not what a start without the trigger means', async () => {
    const { process, record } = await openInstallation(0)
    const one = process()
    await publish(one, definition('a'))
    await one.close()
    await publish(process())
    expect(await record('a')).toMatchObject({ state: 'active' })
  })

  test('is not what a shutdown or a crash means', async () => {
    const { process, record } = await openInstallation(0)
    await publish(process(), definition('a'))
    await sleep(livesMs + 50)
    await publish(process(), definition('b'))
    expect(await record('a')).toMatchObject({ state: 'active' })
  })

  test('of a trigger that only a dead dispatcher published too counts', async () => {
    const { process, record } = await openInstallation()
    const [one, two] = [process(), process()]
    await publish(one, definition('a'))
    await publish(two, definition('a'))
    await sleep(livesMs + 50)
    await publish(two)
    expect(await record('a')).toMatchObject({ state: 'orphaned' })
  })

  test('is ended by any living publication, under the same id', async () => {
    const { process, record } = await openInstallation()
    const one = process()
    const [before] = await publish(one, definition('a'))
    await publish(one)
    await publish(process(), definition('a'))
    expect(await record('a')).toMatchObject({ state: 'active', id: before?.id })
  })

  test('has a time that repeated heartbeats do not move', async () => {
    const { process, record } = await openInstallation()
    const one = process()
    await publish(one, definition('a'))
    await publish(one)
    const since = (await record('a'))?.sinceMs
    await sleep(20)
    await one.publish()
    expect((await record('a'))?.sinceMs).toBe(since)
  })

  test('is over after a while: the trigger is not in force any more and a new publication waits', async () => {
    const { process, record, inForce } = await openInstallation(100)
    const one = process()
    await publish(one, definition('a'))
    await publish(one)
    await sleep(150)
    await one.publish()
    expect(await record('a')).toMatchObject({ state: 'dropping' })
    expect(await inForce()).toEqual([])
    const [waiting] = await publish(one, definition('a'))
    expect(waiting).toMatchObject({ state: 'dropping' })
  })

  test('is not over while somebody publishes, whatever the clock says', async () => {
    const { process, record } = await openInstallation(0)
    const [one, two] = [process(), process()]
    await publish(one, definition('a'))
    await publish(two, definition('a'))
    await publish(one)
    await one.publish()
    expect(await record('a')).toMatchObject({ state: 'active' })
  })
})
