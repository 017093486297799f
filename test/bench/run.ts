import { startRedisServer } from '../../infra/playground/redis-server.ts'
import type { Bench } from './bench.ts'
import { isolation } from './isolation.ts'
import { latency } from './latency.ts'
import { queue } from './queue.ts'
import { sinks } from './sinks.ts'
import { watcher } from './watcher.ts'

const benches: Record<string, Bench> = { queue, watcher, latency, isolation, sinks }

const args = process.argv.slice(2)
const quick = args.includes('--quick')
const names = args.filter((arg) => !arg.startsWith('--'))
const unknown = [
  ...names.filter((name) => !(name in benches)),
  ...args.filter((arg) => arg.startsWith('--') && arg !== '--quick'),
]

if (unknown.length > 0) {
  console.error(
    `There is no ${unknown.join(', ')}. Usage: npm run bench -- [${Object.keys(benches).join('|')}]… [--quick]`,
  )
  process.exitCode = 2
} else {
  for (const name of names.length > 0 ? names : Object.keys(benches)) {
    await using redis = await startRedisServer({ note: console.error })
    for await (const figure of benches[name]!({ redis, quick, rounds: quick ? 1 : 3 }))
      console.log(JSON.stringify(figure))
  }
}
