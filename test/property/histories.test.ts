import fc from 'fast-check'
import { expect, test } from 'vitest'
import { redisCorner } from '../support/redis.ts'
import { history } from './history.ts'
import { play } from './play.ts'
import { runs, seed } from './runs.ts'

/** A history waits for Redis most of the time, so several are played at once. */
const lanes = 8
/** For making a history that fails shorter: what fails in a race does not fail every time, so it is not worth for ever. */
const shrinkMs = 60_000

test('whatever happens, every trigger is told exactly what happened, in order, and nothing else is left', {
  timeout: 60_000 + shrinkMs + 1_000 * runs,
}, async () => {
  const corner = redisCorner()
  console.info(`${runs} histories from seed ${seed}`)
  const lane = async (number: number) => {
    const redis = await corner.connect()
    let played = 0
    const property = fc.asyncProperty(history, async (steps) => {
      expect(await play(corner, redis, `${number}-${played++}`, steps)).toEqual([])
    })
    const numRuns = Math.ceil(runs / lanes)
    const parameters = { seed: seed + number, numRuns, interruptAfterTimeLimit: shrinkMs + 500 * runs }
    return fc.check(property, parameters)
  }
  const results = await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)))
  for (const result of results)
    expect(result.failed, `${fc.defaultReportMessage(result)}\n${result.errorInstance}`).toBe(false)
})
