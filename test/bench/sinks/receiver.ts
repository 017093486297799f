import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../remote.ts'

let calls = 0
let entries = 0

/** Somebody's webhook, or as much of EventBridge as an answer takes. */
async function listen(kind: 'http' | 'eventbridge', delayMs: number): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    const count = kind === 'http' ? 1 : (JSON.parse(body.toString()) as { Entries: unknown[] }).Entries.length
    if (delayMs > 0) await sleep(delayMs)
    calls++
    entries += count
    if (kind === 'http') return response.writeHead(202).end()
    const Entries = Array.from({ length: count }, (_, n) => ({ EventId: `${entries}-${n}` }))
    const answer = JSON.stringify({ FailedEntryCount: 0, Entries })
    return response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(answer)
  })
  // every connection is kept for as long as the bench runs
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const answers = serve({ listen, seen: () => ({ calls, entries }) })

/** The other side, in a process of its own. */
export type ReceiverProcess = typeof answers
