import { expect, test } from 'vitest'
import type { StreamStore } from '../../watcher/stream-store.ts'
import { matcherNamed, openStage, type Stage, type Step } from './stage.ts'

/** Makes one call inside the scripts fail: the `nth`. That it came to it is noted in Redis. */
const failing = (nth: number) => (source: string) =>
  `
local calls = 0
local function failingCall(...)
  calls = calls + 1
  if calls == ${nth} then
    redis.call('SET', KEYS[1] .. ':fired', '1')
    return redis.call('NOSUCHCOMMAND')
  end
  return redis.call(...)
end
${source.replaceAll('redis.call', 'failingCall')}`

const objects: Step[] = [
  ['+', 'a', 'ua', 1],
  ['+', 'b', 'ub', 2],
  ['+', 'c', 'uc', 3],
]
const matchers = [matcherNamed('1', { old: true }), matcherNamed('2')]

async function live(): Promise<Stage> {
  const stage = await openStage()
  await stage.store().claim('b0')
  await stage.send(stage.batch('b1', objects, [matchers[0]!]), { prev: 'b0' })
  return stage
}

const scripts: Record<string, { open(): Promise<Stage>; act(stage: Stage, store: StreamStore): Promise<unknown> }> = {
  'claim of a new stream': { open: openStage, act: (_, store) => store.claim('b0') },
  'claim of a known stream': { open: live, act: (_, store) => store.claim('b2') },
  'count of rewinds': { open: live, act: (_, store) => store.countRewind({ n: 0, highest: '9' }, '8') },
  attach: { open: live, act: (_, store) => store.attach('b1', '7', 'hash') },
  detach: {
    async open() {
      const stage = await live()
      await stage.store().attach('b1', '7', 'hash')
      return stage
    },
    act: (_, store) => store.attach('b1', '7', undefined),
  },
  commit: {
    open: live,
    act: (stage, store) => {
      const steps: Step[] = [
        ['+', 'a', 'ua', 4],
        ['-', 'b', 'ub', 5],
        ['+', 'c', 'uc2', 6],
        ['+', 'd', 'ud', 7],
      ]
      return stage.send(stage.batch('b2', steps, matchers), { prev: 'b1', store })
    },
  },
  drop: { open: live, act: (_, store) => store.drop('b2') },
}

test.each(Object.entries(scripts))(
  'whichever call of %s fails, nothing has changed, and the next try does it all',
  async (_, { open, act }) => {
    const clean = await open()
    await act(clean, clean.store())
    const done = await clean.snapshot()
    let failures = 0
    for (let nth = 1; ; nth++) {
      const stage = await open()
      const before = await stage.snapshot()
      const failed = await act(stage, stage.store(failing(nth))).then(
        () => false,
        (error: Error) => error.message.includes('NOSUCHCOMMAND') || error.message.includes('Unknown Redis command'),
      )
      const fired = (await stage.redis.exists(`${stage.keys.owner('1')}:fired`)) === 1
      if (failed) {
        failures++
        expect(await stage.snapshot(), `call ${nth}`).toEqual(before)
        await act(stage, stage.store())
      }
      expect(await stage.snapshot(), `after call ${nth}`).toEqual(done)
      if (!fired) break
    }
    expect(failures).toBeGreaterThan(3)
  },
)
