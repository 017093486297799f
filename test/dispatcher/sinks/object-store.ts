import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** As much of S3 as storing data takes: one bucket, objects by their key, put only if absent when that is asked for. */
export interface ObjectStore {
  readonly url: string
  readonly objects: ReadonlyMap<string, string>
  /** Asked for, and really stored. */
  readonly puts: number
  readonly stored: number
  failNext(status: number, code: string): void
  /** Nothing is answered from now on. */
  stall(): void
}

export async function openObjectStore(bucket: string): Promise<ObjectStore> {
  const objects = new Map<string, string>()
  const failures: { status: number; code: string }[] = []
  let puts = 0
  let stored = 0
  let stalled = false
  const server = createServer(async (request, response) => {
    const [, name, ...key] = new URL(request.url!, 'http://store').pathname.split('/').map(decodeURIComponent)
    const body = await buffer(request)
    const refuse = (status: number, code: string) =>
      response
        .writeHead(status, { 'content-type': 'application/xml' })
        .end(request.method === 'HEAD' ? undefined : `<Error><Code>${code}</Code><Message>${code}</Message></Error>`)
    if (stalled) return
    const failure = failures.shift()
    if (request.method === 'PUT') puts++
    if (failure) return refuse(failure.status, failure.code)
    if (name !== bucket) return refuse(404, 'NoSuchBucket')
    if (request.method !== 'PUT') return response.writeHead(200).end()
    const path = key.join('/')
    if (request.headers['if-none-match'] === '*' && objects.has(path)) return refuse(412, 'PreconditionFailed')
    stored++
    objects.set(path, String(body))
    return response.writeHead(200).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    get puts() {
      return puts
    },
    get stored() {
      return stored
    },
    stall: () => {
      stalled = true
    },
    failNext: (status, code) => void failures.push({ status, code }),
  }
}
