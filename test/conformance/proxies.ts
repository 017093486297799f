import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A proxy that goes with the test, and where it was asked to connect to. */
export interface TestProxy {
  readonly url: string
  readonly targets: readonly string[]
}

/** Answers CONNECT, as proxies for HTTPS do. */
export async function connectProxy(): Promise<TestProxy> {
  const targets: string[] = []
  const server = createHttpServer()
  server.on('connect', ({ url = '' }, socket: Socket) => {
    targets.push(url)
    const { hostname, port } = new URL(`http://${url}`)
    join(socket, hostname.replace(/^\[|\]$/g, ''), Number(port), () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
  })
  return { url: `http://127.0.0.1:${await listen(server)}`, targets }
}

/** SOCKS5 without a login (RFC 1928), for IPv4 addresses and names. */
export async function socksProxy(): Promise<TestProxy> {
  const targets: string[] = []
  const server = createServer(async (socket) => {
    socket.on('error', () => {})
    await once(socket, 'data')
    socket.write(Buffer.from([5, 0]))
    const [request] = (await once(socket, 'data')) as [Buffer]
    const isName = request[3] === 3
    const end = isName ? 5 + request[4]! : 8
    const host = isName ? request.subarray(5, end).toString() : [...request.subarray(4, end)].join('.')
    const port = request.readUInt16BE(end)
    targets.push(`${host}:${port}`)
    join(socket, host, port, () => socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])))
  })
  return { url: `socks5://127.0.0.1:${await listen(server)}`, targets }
}

async function listen(server: Server): Promise<number> {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return (server.address() as AddressInfo).port
}

function join(socket: Socket, host: string, port: number, ready: () => void): void {
  const there = connect(port, host, () => {
    ready()
    there.pipe(socket)
    socket.pipe(there)
  })
  for (const one of [there, socket]) one.on('error', () => [there, socket].map((end) => end.destroy()))
}
