import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { CannotListen, type Readiness, startHealthServer } from '../../core/health.ts'
import { silentLog } from '../../core/log.ts'

async function serve(...parts: readonly Readiness[]): Promise<string> {
  const server = await startHealthServer({ host: '127.0.0.1', port: 0 }, parts, silentLog)
  onTestFinished(() => server.close())
  return server.url
}

async function get(url: string, method = 'GET'): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { method })
  return { status: response.status, text: await response.text() }
}

test('a process that runs is alive, whatever keeps it from being ready', async () => {
  const url = await serve({ problems: async () => ['Redis does not answer'] })
  expect(await get(`${url}/healthz`)).toEqual({ status: 200, text: 'ok\n' })
})

test('it is ready when none of its parts has a problem', async () => {
  const url = await serve({ problems: async () => [] }, { problems: async () => [] })
  expect(await get(`${url}/readyz?verbose`)).toEqual({ status: 200, text: 'ok\n' })
})

test('every problem of every part is told, one per line', async () => {
  const url = await serve({ problems: async () => ['one', 'two\n  lines'] }, { problems: async () => ['three'] })
  expect(await get(`${url}/readyz`)).toEqual({ status: 503, text: 'one\ntwo lines\nthree\n' })
})

test('it asks anew each time', async () => {
  const problems: string[] = ['not yet']
  const url = await serve({ problems: async () => problems })
  expect((await get(`${url}/readyz`)).status).toBe(503)
  problems.pop()
  expect((await get(`${url}/readyz`)).status).toBe(200)
})

test('a part that cannot tell is an error and not readiness', async () => {
  const url = await serve({ problems: () => Promise.reject(new Error('lost')) })
  expect((await get(`${url}/readyz`)).status).toBe(500)
})

test('there is nothing else, and nothing to change', async () => {
  const url = await serve()
  expect((await get(`${url}/`)).status).toBe(404)
  expect((await get(`${url}/healthz`, 'POST')).status).toBe(405)
})

test('a port that is taken is told as such', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as { port: number }
  const refused = startHealthServer({ host: '127.0.0.1', port }, [], silentLog)
  await expect(refused).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}: another process listens there; change listen, or set it to off`,
  )
  await expect(refused).rejects.toMatchObject({ reason: 'EADDRINUSE' })
  await expect(refused).rejects.toBeInstanceOf(CannotListen)
})

test('closing does not wait for a client that keeps its connection', async () => {
  const server = await startHealthServer({ host: '127.0.0.1', port: 0 }, [], silentLog)
  const { hostname, port } = new URL(server.url)
  const client = connect(Number(port), hostname)
  await once(client, 'connect')
  const gone = once(client, 'close')
  await server.close()
  await server.close()
  await gone
})
