import { copyFileSync, rmSync } from 'node:fs'
import type { TLSSocket } from 'node:tls'
import { afterEach, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { BadKubeconfig } from '../../watcher/kubeconfig.ts'
import { connect, folder, kubeconfig, makeCertificate, openApiServer } from './api-server.ts'

const never = new AbortController().signal
afterEach(() => void vi.useRealTimers())

/** Lets a minute pass for what reads the monotonic clock. */
function passMinute(): void {
  vi.useFakeTimers({ toFake: ['performance'], now: performance.now() })
  vi.advanceTimersByTime(61_000)
}

test.each([
  ['a token', { token: 'one' }, { authorization: 'Bearer one' }],
  [
    'name and password',
    { username: 'me', password: 'hé' },
    { authorization: `Basic ${Buffer.from('me:hé').toString('base64')}` },
  ],
  [
    'impersonation',
    { token: 'one', as: 'you', 'as-uid': '7', 'as-groups': ['a', 'b'], 'as-user-extra': { 'Acme.com/Project': ['x'] } },
    {
      'impersonate-user': 'you',
      'impersonate-uid': '7',
      'impersonate-group': 'a, b',
      'impersonate-extra-acme.com%2fproject': 'x',
    },
  ],
])('%s is sent', async (_, user, headers) => {
  const api = await openApiServer((_, response) => response.end('{}'))
  await connect(folder().write('config', kubeconfig(api.url, user))).get('/', never)
  expect(api.requests[0]?.headers).toMatchObject(headers)
})

test('a token file is read trimmed, beside its kubeconfig, and anew after a minute', async () => {
  const api = await openApiServer((_, response) => response.end('{}'))
  const files = folder()
  const token = files.write('token', ' one\n')
  const connection = connect(files.write('config', kubeconfig(api.url, { token: 'zero', tokenFile: 'token' })))
  const sent = async () => {
    await connection.get('/', never)
    return api.requests.at(-1)?.headers.authorization
  }
  expect(await sent()).toBe('Bearer one')
  files.write('token', 'two\n')
  expect(await sent()).toBe('Bearer one')
  passMinute()
  expect(await sent()).toBe('Bearer two')
  files.write('token', '')
  vi.advanceTimersByTime(61_000)
  expect(await sent()).toBe('Bearer two')
  rmSync(token)
  vi.advanceTimersByTime(61_000)
  expect(await sent()).toBe('Bearer two')
})

test('a token file that never held one is told', async () => {
  const files = folder()
  const file = files.write('config', kubeconfig('http://127.0.0.1:1', { tokenFile: './tokens/t' }))
  await expect(connect(file).get('/', never)).rejects.toThrow(/cannot be used: ENOENT.*tokens\/t/)
  files.write('token', '\n')
  const empty = files.write('config', kubeconfig('http://127.0.0.1:1', { tokenFile: files.path('token') }))
  await expect(connect(empty).get('/', never)).rejects.toThrow(
    `${files.path('token')} holds no token: write one into it`,
  )
})

test('401 forgets the credentials: the next request has fresh ones', async () => {
  const answers = [401, 200, 200]
  const api = await openApiServer((_, response) => response.writeHead(answers.shift()!).end('{}'))
  const files = folder()
  files.write('token', 'old')
  const connection = connect(files.write('config', kubeconfig(api.url, { tokenFile: 'token' })))
  const first = connection.get('/', never)
  await expect(first).rejects.toMatchObject({ status: { code: 401 } })
  files.write('token', 'new')
  await connection.get('/', never)
  expect(api.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new'])
})

test('a plugin beside the kubeconfig is run once for many requests, and again after 401', async () => {
  let status = 200
  const api = await openApiServer((_, response) => response.writeHead(status).end('{}'))
  const files = folder()
  files.write(
    'plugin',
    `#!/bin/sh\necho x >> ${files.path('runs')}\nprintf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s"}}' $(wc -l < ${files.path('runs')})\n`,
  )
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin', interactiveMode: 'Never' }
  const connection = connect(files.write('config', kubeconfig(api.url, { exec })))
  const sent = () => api.requests.map(({ headers }) => headers.authorization)
  await Promise.all(Array.from({ length: 5 }, () => connection.get('/', never)))
  expect(sent()).toEqual(Array(5).fill('Bearer t1'))
  status = 401
  await Promise.allSettled(Array.from({ length: 3 }, () => connection.get('/', never)))
  status = 200
  await connection.get('/', never)
  expect(sent().at(-1)).toBe('Bearer t2')
})

test('a plugin that fails is told', async () => {
  const files = folder()
  files.write('plugin', '#!/bin/sh\necho please log in >&2\nexit 1\n')
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin' }
  const connection = connect(files.write('config', kubeconfig('http://127.0.0.1:1', { exec })))
  await expect(connection.get('/', never)).rejects.toThrow(
    new BadKubeconfig('the credentials for http://127.0.0.1:1 cannot be used: please log in'),
  )
})

test('one connection never sends another’s token, though their users have one name', async () => {
  const files = folder()
  const plugin = (token: string) => {
    files.write(
      token,
      `#!/bin/sh\necho '{"apiVersion":"client.authentication.k8s.io/v1","status":{"token":"${token}"}}'\n`,
    )
    return { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: `./${token}` } }
  }
  const open = async (token: string) => {
    const api = await openApiServer((_, response) => response.end('{}'))
    return { api, connection: connect(files.write(`config-${token}`, kubeconfig(api.url, plugin(token)))) }
  }
  const [a, b] = [await open('a'), await open('b')]
  for (const { connection } of [a, b, a, b]) await connection.get('/', never)
  expect(a.api.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer a', 'Bearer a'])
  expect(b.api.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer b', 'Bearer b'])
})

test('a client certificate that changes on disk is used by new requests, while old streams go on', async () => {
  const files = folder()
  const server = makeCertificate(files.path, 'server')
  const [first, second] = [makeCertificate(files.path, 'first'), makeCertificate(files.path, 'second')]
  const use = (tls: { cert: string; key: string }) => {
    copyFileSync(tls.cert, files.path('client.crt'))
    copyFileSync(tls.key, files.path('client.key'))
  }
  use(first)
  const seen: string[] = []
  const api = await openApiServer(
    (request, response) => {
      seen.push(String((request.socket as TLSSocket).getPeerCertificate().subject?.CN))
      response.write('{}')
      if (request.url !== '/watch') response.end()
      else response.flushHeaders()
    },
    { ...server, clientCa: first.cert },
  )
  const user = { 'client-certificate': 'client.crt', 'client-key': 'client.key' }
  const connection = connect(
    files.write('config', kubeconfig(api.url, user, { 'certificate-authority': 'server.crt' })),
  )
  const watch = await connection.open('/watch', never)
  watch.on('error', () => {})
  await connection.get('/', never)
  use(second)
  passMinute()
  await connection.get('/', never)
  expect(seen).toEqual(['first', 'first', 'second'])
  expect(watch.destroyed).toBe(false)
  await connection.close()
  await vi.waitFor(() => expect(watch.destroyed).toBe(true))
})

const broken = {
  clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'u', user: {} }],
  contexts: [
    { name: 'here', context: { cluster: 'c', user: 'u' } },
    { name: 'no-cluster', context: { cluster: 'gone', user: 'u' } },
    { name: 'no-user', context: { cluster: 'c', user: 'gone' } },
  ],
}

test.each([
  ['gone', 'has no context "gone": name one of its own: here, no-cluster, no-user'],
  ['no-cluster', 'context no-cluster names the cluster gone, which is not among its clusters: add it there'],
  ['no-user', 'context no-user names the user gone, which is not among its users: add it there'],
  [undefined, 'has no current-context: set one, or name one of: here, no-cluster, no-user'],
])('context %s: %s', (context, message) => {
  const file = folder().write('config', stringify(broken))
  expect(() => connect(file, context)).toThrow(BadKubeconfig)
  expect(() => connect(file, context)).toThrow(message)
})

test.each([
  ['', 'it is empty, or no YAML mapping'],
  ['just text', 'it is empty, or no YAML mapping'],
  ['a: [', 'cannot be read as a kubeconfig'],
  ['clusters: [{ name: c }]', 'clusters[0].cluster is missing'],
])('a file of %j is no kubeconfig: %s', (content, message) => {
  const file = folder().write('config', content)
  expect(() => connect(file)).toThrow(BadKubeconfig)
  expect(() => connect(file)).toThrow(message)
})

test('a file that is not there is told by its path', () => {
  expect(() => connect('/nowhere/config')).toThrow(/^\/nowhere\/config cannot be read as a kubeconfig: ENOENT/)
})

test('a context without user is nobody in particular', async () => {
  const api = await openApiServer((_, response) => response.end('{}'))
  const clusters = [{ name: 'c', cluster: { server: api.url } }]
  const contexts = [{ name: 'here', context: { cluster: 'c' } }]
  const file = folder().write('config', stringify({ clusters, contexts, 'current-context': 'here' }))
  await connect(file).get('/', never)
  expect(api.requests[0]?.headers.authorization).toBeUndefined()
})
