import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createGzip, gzipSync } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { ApiFailure } from '../../watcher/connection.ts'
import { connect, folder, kubeconfig, makeCertificate, openApiServer } from './api-server.ts'

async function all(body: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const parts: Buffer[] = []
  for await (const part of body) parts.push(part)
  return parts
}

const never = new AbortController().signal
const here = (url: string, user: object = {}) => connect(folder().write('config', kubeconfig(url, user)))

async function failure(work: Promise<unknown>): Promise<ApiFailure> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof ApiFailure)) throw new Error('no ApiFailure', { cause: thrown })
  return thrown
}

test('a GET asks for JSON and is answered with the body', async () => {
  const api = await openApiServer((_, response) => response.end('{"a":1}'))
  const connection = here(`${api.url}/prefix/`)
  expect(String(await connection.get('/version', never))).toBe('{"a":1}')
  const [request] = api.requests
  expect(request).toMatchObject({ method: 'GET', url: '/prefix/version' })
  expect(request?.headers).toMatchObject({
    accept: 'application/json',
    'accept-encoding': 'gzip',
    'user-agent': 'deltabridge',
  })
  expect(request?.headers.authorization).toBeUndefined()
})

test('a compressed body is read as it comes, a member at a time', async () => {
  let response: ServerResponse | undefined
  const api = await openApiServer((_, to) => {
    response = to.writeHead(200, { 'content-encoding': 'gzip' })
    response.write(gzipSync('one\n'))
  })
  const body = (await here(api.url).open('/', never))[Symbol.asyncIterator]()
  expect(String((await body.next()).value)).toBe('one\n')
  const second = gzipSync('two\n')
  response?.write(second.subarray(0, 7))
  response?.write(second.subarray(7))
  expect(String((await body.next()).value)).toBe('two\n')
  response?.end()
  expect((await body.next()).done).toBe(true)
})

test('an event inside one compressed stream does not wait for the next', async () => {
  const gzip = createGzip()
  const api = await openApiServer(
    (_, response) => void gzip.pipe(response.writeHead(200, { 'content-encoding': 'gzip' })),
  )
  const opened = here(api.url).open('/', never)
  gzip.write('one\n')
  gzip.flush()
  const body = (await opened)[Symbol.asyncIterator]()
  expect(String((await body.next()).value)).toBe('one\n')
  gzip.end()
  expect((await body.next()).done).toBe(true)
})

test.each([
  ['plain', {}, Buffer.from('{"items":[')],
  ['compressed', { 'content-encoding': 'gzip' }, gzipSync('{"items":[]}'.repeat(100)).subarray(0, 20)],
])('a %s body that is cut in the middle is no body', async (_, headers, part) => {
  const api = await openApiServer((_, response) => {
    response.writeHead(200, headers).write(part)
    setImmediate(() => response.destroy())
  })
  const connection = here(api.url)
  await expect(connection.get('/', never)).rejects.toThrow()
  await expect(all(await connection.open('/', never))).rejects.toThrow()
})

test('a compressed body that ends too soon, or is none, is no body', async () => {
  const bodies = [gzipSync('{"items":[]}'.repeat(100)).subarray(0, 20), Buffer.from('no gzip')]
  const api = await openApiServer((_, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bodies.pop()),
  )
  const connection = here(api.url)
  await expect(connection.get('/', never)).rejects.toThrow('incorrect header check')
  await expect(connection.get('/', never)).rejects.toThrow('unexpected end of file')
})

test.each(['identity', 'gzip'])('an abort ends a silent stream (%s)', async (encoding) => {
  const api = await openApiServer((_, response) => {
    response.writeHead(200, encoding === 'gzip' ? { 'content-encoding': 'gzip' } : {}).flushHeaders()
  })
  const abort = new AbortController()
  const body = await here(api.url).open('/', abort.signal)
  const read = all(body)
  const closed = once(api.requests[0]!.socket, 'close')
  abort.abort(new Error('enough'))
  await expect(read).rejects.toThrow()
  await closed
})

test('an abort ends a request that is not answered, and one that waits for credentials', async () => {
  const api = await openApiServer(() => {})
  const abort = new AbortController()
  const waiting = here(api.url).open('/', abort.signal)
  await vi.waitFor(() => expect(api.requests).toHaveLength(1))
  abort.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  const files = folder()
  const command = files.write('slow', '#!/bin/sh\nexec sleep 3\n')
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' }
  const slow = connect(files.write('config', kubeconfig(api.url, { exec })))
  await expect(slow.open('/', AbortSignal.timeout(50))).rejects.toThrow('timeout')
})

test('a body that is too large is refused', async () => {
  const api = await openApiServer((_, response) => response.end('x'.repeat(10_000)))
  const { status } = await failure(here(api.url).get('/', never, 9_999))
  expect(status.reason).toBe('TooLarge')
})

test('another status is the API server’s own account of it', async () => {
  const status = { kind: 'Status', code: 403, reason: 'Forbidden', message: 'pods is forbidden' }
  const api = await openApiServer((_, response) => response.writeHead(403).end(JSON.stringify(status)))
  const thrown = await failure(here(api.url).open('/', never))
  expect(thrown.message).toBe('pods is forbidden')
  expect(thrown.status).toEqual({ code: 403, reason: 'Forbidden', message: 'pods is forbidden' })
})

test('the code of a failure is told, however its body ends', async () => {
  const api = await openApiServer((_, response) => {
    response.writeHead(503).write('x'.repeat(2 << 20))
    setImmediate(() => response.destroy())
  })
  const thrown = await failure(here(api.url).open('/', never))
  expect(thrown.status.code).toBe(503)
  expect(thrown.message).toBe('HTTP 503')
})

test.each([
  ['7', {}, 7_000],
  ['Wed, 21 Oct 2065 07:28:00 GMT', {}, 0],
  [undefined, { details: { retryAfterSeconds: 3 } }, 3_000],
  [undefined, {}, 0],
])('Retry-After %s, %o: not before %i ms', async (header, more, expected) => {
  const api = await openApiServer((_, response) => {
    if (header !== undefined) response.setHeader('retry-after', header)
    response.writeHead(429).end(JSON.stringify({ kind: 'Status', code: 429, ...more }))
  })
  expect((await failure(here(api.url).open('/', never))).retryAfterMs).toBe(expected)
})

test('an API server that is not there is told by the socket’s code', async () => {
  await expect(here('http://127.0.0.1:1').open('/', never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await expect(here('https://127.0.0.1:1').open('/', never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await expect(here('http://nowhere.invalid').open('/', never)).rejects.toMatchObject({
    code: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
  })
})

test('a closed connection has ended its streams, and opens none', async () => {
  const api = await openApiServer((_, response) => response.writeHead(200).flushHeaders())
  const connection = here(api.url)
  const read = all(await connection.open('/', never))
  read.catch(() => {})
  await connection.close()
  await expect(read).rejects.toThrow()
  await expect(connection.open('/', never)).rejects.toThrow('is closed')
})

test('requests that follow each other share a connection', async () => {
  const api = await openApiServer((_, response) => response.end('{}'))
  const connection = here(api.url)
  for (let i = 0; i < 20; i++) await connection.get('/', never)
  // one may still be finishing when the next request comes
  expect(api.connections()).toBeLessThanOrEqual(2)
})

test('a server whose certificate is not the cluster’s is not spoken to', async () => {
  const files = folder()
  const mine = makeCertificate(files.path, 'server')
  const other = makeCertificate(files.path, 'other')
  const api = await openApiServer((_, response) => response.end('{}'), mine)
  const to = (cluster: object) => connect(files.write('config', kubeconfig(api.url, {}, cluster))).get('/', never)
  await expect(to({ 'certificate-authority': other.cert })).rejects.toThrow(/self-signed|certificate/)
  await expect(to({})).rejects.toThrow(/self-signed|certificate/)
  expect(api.requests).toHaveLength(0)
  expect(String(await to({ 'certificate-authority': 'server.crt' }))).toBe('{}')
  expect(String(await to({ 'insecure-skip-tls-verify': true }))).toBe('{}')
  await expect(to({ 'certificate-authority': 'gone.crt' })).rejects.toThrow(/cannot be used: .*gone\.crt/)
})
