/**
 * The playground as a process of its own, for docker-compose.yml: two clusters and an event bus on fixed ports, and
 * something that changes every few seconds.
 *
 *   node infra/playground/serve.ts [--host 127.0.0.1] [--every-seconds 3]
 */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startBus } from './bus.ts'
import { bustle } from './bustle.ts'
import { startCluster } from './cluster.ts'

/** As clusters/playground-*.yaml have them. The token is no secret: there is nothing to be had with it. */
const clusters = [
  { name: 'playground-eu', port: 6441 },
  { name: 'playground-us', port: 6442 },
]
const token = 'playground'
const busPort = 4010

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    'every-seconds': { type: 'string', default: '3' },
  },
})
const everyMs = Number(values['every-seconds']) * 1_000

await using stack = new AsyncDisposableStack()
const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())

const bus = stack.use(await startBus({ host: values.host, port: busPort, buses: ['playground'] }))
const running: Promise<void>[] = []
for (const { name, port } of clusters) {
  // Its objects are gone when it stops, and a counter that began again would look like a cluster that was set back:
  // the time goes up by itself, faster than anything here is written.
  const revision = Math.floor(Date.now() / 1_000)
  const cluster = stack.use(await startCluster({ name, port, host: values.host, token, revision }))
  running.push(bustle(cluster, everyMs, stop.signal))
}

console.log(`The playground is up; something changes every ${values['every-seconds']} s.`)
for (const { name, port } of clusters) {
  const access = `kubectl --server http://127.0.0.1:${port} --token ${token}`
  console.log(`${name}: ${access} get deployments -n shop -w`)
  console.log(`${name}: ${access} scale deployment cart -n shop --replicas 5`)
}
console.log(`What reached the event bus: http://127.0.0.1:${busPort}/ and, as JSON, http://127.0.0.1:${busPort}/events`)
console.log('What the functions say: docker-compose logs -f dispatcher')

if (!stop.signal.aborted) await once(stop.signal, 'abort')
await Promise.all(running)
console.log(`The playground ends; ${bus.count} events reached the bus.`)
