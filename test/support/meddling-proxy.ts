import { once } from 'node:events'
import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** What becomes of a watch on its way: chunks in, chunks out. */
export type Meddle = (body: AsyncIterable<Buffer>) => AsyncIterable<Buffer>

/** Stands between a watcher and its cluster, and passes everything on but watches as it is. Answers its URL; goes with the test. */
export async function meddlingProxy(server: string, meddle: Meddle): Promise<string> {
  const proxy = createServer((asked, answer) => {
    const { method, headers, url = '/' } = asked
    const { 'accept-encoding': _, ...plain } = headers
    const passed = request(new URL(url, server), { method: method!, headers: { ...plain, host: new URL(server).host } })
    passed.on('error', () => answer.destroy())
    passed.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers).flushHeaders()
      const isWatch = new URL(url, server).searchParams.has('watch')
      passOn(isWatch ? meddle(response) : response, answer).catch(() => answer.destroy())
    })
    answer.on('close', () => passed.destroy())
    asked.pipe(passed)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  onTestFinished(async () => {
    proxy.close()
    proxy.closeAllConnections()
    await once(proxy, 'close')
  })
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}

async function passOn(body: AsyncIterable<Buffer>, answer: ServerResponse): Promise<void> {
  for await (const chunk of body) if (!answer.write(chunk)) await once(answer, 'drain')
  answer.end()
}
