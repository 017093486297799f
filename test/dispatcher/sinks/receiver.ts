import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CloudEventV1, HTTP } from 'cloudevents'
import { onTestFinished } from 'vitest'

/** What one request brought. */
export interface Received {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What the receiver does about a request; without a status it never answers. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Whether what came is taken all the same. */
  readonly taken?: boolean
  readonly reset?: boolean
  readonly delayMs?: number
}

/** Somebody's webhook, who reads with the official SDK of CloudEvents. */
export interface Receiver {
  readonly url: string
  readonly requests: readonly Received[]
  readonly events: readonly CloudEventV1<unknown>[]
  /** The next requests are answered like this, each in turn; `every` = all from now on. */
  answer(...answers: Answer[]): void
  every(answer: (received: Received) => Answer): void
}

export async function openReceiver(): Promise<Receiver> {
  const requests: Received[] = []
  const events: CloudEventV1<unknown>[] = []
  const next: Answer[] = []
  let always: (received: Received) => Answer = () => ({ status: 202 })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = { method: request.method!, headers: request.headers, body: await text(request) }
    requests.push(received)
    const { status, headers = {}, body, reset, delayMs, taken } = next.shift() ?? always(received)
    if (delayMs !== undefined) await sleep(delayMs)
    const success = status !== undefined && status < 300
    if (request.method === 'POST' && (taken ?? success)) events.push(...eventsOf(received))
    if (reset) request.socket.resetAndDestroy()
    else if (status !== undefined) response.writeHead(status, headers).end(body)
  }

  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`,
    requests,
    events,
    answer: (...answers) => void next.push(...answers),
    every: (answer) => {
      always = answer
    },
  }
}

export function eventsOf({ headers, body }: Received): CloudEventV1<unknown>[] {
  const read = HTTP.toEvent({ headers, body })
  return [read].flat()
}
