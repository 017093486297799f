import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BusEvent, CallError, describeEventBus, MAX_REQUEST_BYTES, putEvents, refusal } from './bus/answer.ts'
import { page } from './bus/page.ts'

export type { BusEvent } from './bus/answer.ts'

export interface BusOptions {
  /** 0: any that is free. */
  port?: number
  host?: string
  /** Beside `default`, which always exists. */
  buses?: readonly string[]
  onEvent?: (event: BusEvent) => void
  /** How many of the newest events are kept. */
  keep?: number
  /** 262144 for the regions that have not been raised. */
  maxRequestBytes?: number
}

/** What can go wrong with a call, as it looks from outside. */
export type Fault =
  /** The account is over its quota. */
  | { kind: 'throttle' }
  /** One entry of the call fails, throttled unless told otherwise; the others arrive. */
  | { kind: 'entry'; index: number; code?: string; message?: string }
  /** The call fails: InternalException with 500 unless told otherwise. `date`: of the answer, in place of now. */
  | { kind: 'error'; status?: number; code?: string; message?: string; date?: Date }
  /** 413 without a body. */
  | { kind: 'tooLarge' }
  /** Read, and never answered. */
  | { kind: 'hang' }
  /** The entries arrive, and nobody is told. */
  | { kind: 'unanswered' }
  /** Answered that much later. */
  | { kind: 'slow'; delayMs: number }
  | { kind: 'reset' }

export interface Bus extends AsyncDisposable {
  readonly url: string
  /** The newest, in the order of their arrival. */
  readonly events: readonly BusEvent[]
  /** Of all that arrived. */
  readonly count: number
  /** Told as a success and not delivered, as AWS does it. */
  readonly lost: number
  /** Calls, attempts of the SDK included. */
  readonly calls: number
  /** Calls at once, at the most. */
  readonly most: number
  /** Whose calls they were, each once, in the order of their first one. */
  readonly accessKeys: readonly string[]
  /** Each following call consumes one. */
  failNext(fault: Fault, times?: number): void
  close(): Promise<void>
}

/** A local event bus: what EventBridge answers, with what arrived shown at its URL. */
export async function startBus(options: BusOptions = {}): Promise<Bus> {
  const { port = 0, host = '127.0.0.1', onEvent, keep = 1000, maxRequestBytes = MAX_REQUEST_BYTES } = options
  const buses = new Set(['default', ...(options.buses ?? [])])
  const events: BusEvent[] = []
  const faults: Fault[] = []
  const counts = { count: 0, lost: 0, calls: 0 }
  const accessKeys = new Set<string>()
  let running = 0
  let most = 0

  function arrive(event: BusEvent): void {
    events.push(event)
    if (events.length > keep) events.shift()
    counts.count++
    onEvent?.(event)
  }

  function put(input: object, fault: Fault | undefined) {
    const verdicts = putEvents(input, buses, maxRequestBytes)
    const Entries = verdicts.map(({ answer, event }, index) => {
      if (fault?.kind === 'entry' && fault.index === index) {
        return refusal(fault.code ?? 'ThrottlingException', fault.message ?? 'Rate exceeded')
      }
      if (event !== undefined) arrive(event)
      else if ('EventId' in answer) counts.lost++
      return answer
    })
    return { FailedEntryCount: Entries.filter((entry) => 'ErrorCode' in entry).length, Entries }
  }

  async function call(request: IncomingMessage, response: ServerResponse): Promise<void> {
    counts.calls++
    const [, accessKey] = /Credential=([^/]+)/.exec(request.headers.authorization ?? '') ?? []
    if (accessKey !== undefined) accessKeys.add(accessKey)
    const input = await read(request)
    const fault = faults.shift()
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'reset') return void request.socket.resetAndDestroy()
    if (fault?.kind === 'tooLarge') return void response.writeHead(413).end()
    if (fault?.kind === 'throttle') throw new CallError('ThrottlingException', 'Rate exceeded')
    if (fault?.kind === 'error') {
      if (fault.date) response.setHeader('date', fault.date.toUTCString())
      throw new CallError(fault.code ?? 'InternalException', fault.message ?? 'Internal failure', fault.status ?? 500)
    }
    const action = request.headers['x-amz-target']
    if (fault?.kind === 'slow') await sleep(fault.delayMs)
    if (fault?.kind === 'unanswered') return void put(input, fault)
    if (action === 'AWSEvents.PutEvents') answer(response, 200, put(input, fault))
    else if (action === 'AWSEvents.DescribeEventBus') answer(response, 200, describeEventBus(input, buses))
    else throw new CallError('UnknownOperationException', `Operation ${action} is not known`)
  }

  function show(path: string | undefined, response: ServerResponse): void {
    if (path === '/events') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...counts, events }))
    } else if (path === '/') {
      response.setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      response.setHeader('content-type', 'text/html; charset=utf-8').end(page(events, counts))
    } else response.writeHead(404).end()
  }

  const server = createServer(async (request, response) => {
    running++
    most = Math.max(most, running)
    try {
      if (request.method === 'POST') await call(request, response)
      else show(request.url, response)
    } catch (error) {
      const { status, code, message } = error instanceof CallError ? error : internal(error)
      answer(response, status, { __type: code, message })
    } finally {
      running--
    }
  })
  server.listen(port, host)
  await once(server, 'listening')

  async function close(): Promise<void> {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }

  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`,
    events,
    get count() {
      return counts.count
    },
    get lost() {
      return counts.lost
    },
    get calls() {
      return counts.calls
    },
    get most() {
      return most
    },
    get accessKeys() {
      return [...accessKeys]
    },
    failNext(fault, times = 1) {
      for (let n = 0; n < times; n++) faults.push(fault)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function read(request: IncomingMessage): Promise<object> {
  const input = await json(request).catch(() => undefined)
  if (typeof input === 'object' && input !== null) return input
  throw new CallError('SerializationException', 'The body is not a JSON object')
}

function internal(error: unknown): CallError {
  return new CallError('InternalException', String(error), 500)
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() })
  response.end(JSON.stringify(body))
}
