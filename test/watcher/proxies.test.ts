import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import { connect, folder, kubeconfig, makeCertificate, openApiServer } from './api-server.ts'

const never = new AbortController().signal

/** Sockets of a server, all closed with the test. */
function closing(server: { close(): unknown; on(event: 'connection', listener: (socket: Socket) => void): unknown }) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => void sockets.add(socket))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
}

/** A SOCKS5 proxy without authentication (RFC 1928); answers where it was asked to connect to. */
async function openSocksProxy(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer(async (socket) => {
    socket.on('error', () => {})
    await once(socket, 'data')
    socket.write(Buffer.from([5, 0]))
    const [request]: Buffer[] = await once(socket, 'data')
    const named = request![3] === 3
    const length = named ? request![4]! : 4
    const start = named ? 5 : 4
    const host = named
      ? request!.toString('utf8', start, start + length)
      : [...request!.subarray(start, start + 4)].join('.')
    const port = request!.readUInt16BE(start + length)
    asked.push(`${host}:${port}`)
    const upstream = connectTo(port, host, () => {
      socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]))
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    onTestFinished(() => void upstream.destroy())
  })
  closing(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `socks5://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** An HTTP proxy that knows CONNECT. */
async function openHttpProxy(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createHttpServer()
  server.on('connect', ({ url = '' }, socket) => {
    asked.push(url)
    const [host, port] = url.split(':')
    const upstream = connectTo(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    onTestFinished(() => void upstream.destroy())
  })
  closing(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

test.each([
  ['SOCKS5', openSocksProxy],
  ['HTTP', openHttpProxy],
])('a cluster behind an %s proxy is reached through it, and its certificate is looked at', async (_, openProxy) => {
  const files = folder()
  const tls = makeCertificate(files.path, 'server')
  const other = makeCertificate(files.path, 'other')
  const api = await openApiServer((_, response) => response.end('{}'), tls)
  const proxy = await openProxy()
  const to = (ca: string) =>
    connect(
      files.write('config', kubeconfig(api.url, {}, { 'proxy-url': proxy.url, 'certificate-authority': ca })),
    ).get('/', never)
  expect(String(await to(tls.cert))).toBe('{}')
  expect(proxy.asked).toEqual([new URL(api.url).host])
  await expect(to(other.cert)).rejects.toThrow(/self-signed|certificate/)
  expect(api.requests).toHaveLength(1)
})

test('the certificate may be for another name, as tls-server-name says', async () => {
  const files = folder()
  const tls = makeCertificate(files.path, 'server')
  const api = await openApiServer((_, response) => response.end('{}'), tls)
  const url = api.url.replace('127.0.0.1', 'localhost')
  const to = (name?: string) =>
    connect(
      files.write(
        'config',
        kubeconfig(url, {}, { 'certificate-authority': tls.cert, ...(name && { 'tls-server-name': name }) }),
      ),
    ).get('/', never)
  await expect(to()).rejects.toThrow(/altnames|localhost/)
  expect(String(await to('kube.example'))).toBe('{}')
})

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

test.runIf(hasIpv6)('a cluster at an IPv6 address is reached', async () => {
  const server = createHttpServer((_, response) => void response.end('{}'))
  closing(server)
  await new Promise<void>((resolve) => server.listen(0, '::1', resolve))
  const { port } = server.address() as AddressInfo
  const connection = connect(folder().write('config', kubeconfig(`http://[::1]:${port}`)))
  expect(String(await connection.get('/', never))).toBe('{}')
})
