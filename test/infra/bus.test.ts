import { expect, onTestFinished, test, vi } from 'vitest'
import { type Bus, type BusOptions, startBus } from '../../infra/playground/bus.ts'

async function open(options: BusOptions = {}): Promise<Bus> {
  const bus = await startBus({ buses: ['k8s'], ...options })
  onTestFinished(() => bus.close())
  return bus
}

async function call(bus: Bus, action: string, input: unknown) {
  const response = await fetch(bus.url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSEvents.${action}` },
    body: JSON.stringify(input),
  })
  const text = await response.text()
  return { status: response.status, body: text && JSON.parse(text) }
}

const entry = { EventBusName: 'k8s', Source: 'dev.test', DetailType: 'tested', Detail: '{"n":1}' }
const put = (bus: Bus, ...Entries: unknown[]) => call(bus, 'PutEvents', { Entries })

test('an event arrives, with its time to the second', async () => {
  const bus = await open()
  const { status, body } = await put(bus, { ...entry, Time: 1795414028.123, Resources: ['arn:x'] })
  expect(status).toBe(200)
  expect(body).toEqual({ FailedEntryCount: 0, Entries: [{ EventId: bus.events[0]?.id }] })
  const event = { bus: 'k8s', source: 'dev.test', detail: { n: 1 }, time: '2026-11-23T06:07:08Z', resources: ['arn:x'] }
  expect(bus.events).toMatchObject([event])
})

test.each([
  [
    { ...entry, Source: undefined },
    'InvalidArgument',
    'Parameter Source is not valid. Reason: Source is a required argument.',
  ],
  [
    { ...entry, DetailType: undefined },
    'InvalidArgument',
    'Parameter DetailType is not valid. Reason: DetailType is a required argument.',
  ],
  [
    { ...entry, Detail: undefined },
    'InvalidArgument',
    'Parameter Detail is not valid. Reason: Detail is a required argument.',
  ],
  [{ ...entry, Detail: '[1]' }, 'MalformedDetail', 'Detail is malformed.'],
  [{ ...entry, Detail: '{' }, 'MalformedDetail', 'Detail is malformed.'],
  [{ ...entry, Source: 'aws.ec2' }, 'NotAuthorizedForSourceException', 'Not authorized for the source.'],
])('an entry at fault is told by itself: %o', async (faulty, ErrorCode, ErrorMessage) => {
  const bus = await open()
  const { body } = await put(bus, entry, faulty)
  expect(body).toEqual({ FailedEntryCount: 1, Entries: [{ EventId: expect.any(String) }, { ErrorCode, ErrorMessage }] })
  expect(bus.count).toBe(1)
})

test.each([
  [
    'eleven entries',
    Array(11).fill(entry),
    /at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10/,
  ],
  ['no entries', [], /greater than or equal to 1/],
  [
    'more than 1 MiB',
    Array(2).fill({ ...entry, Detail: `{"x":"${'x'.repeat(600_000)}"}` }),
    /^Total size of the entries in the request is over the limit\.$/,
  ],
])('%s refuse the whole call', async (_, entries, message) => {
  const bus = await open()
  const { status, body } = await put(bus, ...entries)
  expect(status).toBe(400)
  expect(body).toEqual({ __type: 'ValidationException', message: expect.stringMatching(message) })
  expect(bus.count).toBe(0)
})

test('what AWS loses without a word is lost here too, and counted', async () => {
  const bus = await open()
  const { body } = await put(bus, { ...entry, EventBusName: 'k8z' }, { ...entry, DetailType: 'x'.repeat(129) })
  expect(body).toMatchObject({
    FailedEntryCount: 0,
    Entries: [{ EventId: expect.any(String) }, { EventId: expect.any(String) }],
  })
  expect([bus.count, bus.lost]).toEqual([0, 2])
})

test('a bus is described by name or ARN, default exists, others do not', async () => {
  const bus = await open()
  const Arn = 'arn:aws:events:us-east-1:000000000000:event-bus/k8s'
  expect(await call(bus, 'DescribeEventBus', { Name: Arn })).toEqual({ status: 200, body: { Name: 'k8s', Arn } })
  expect(await call(bus, 'DescribeEventBus', {})).toMatchObject({ status: 200, body: { Name: 'default' } })
  const body = { __type: 'ResourceNotFoundException', message: 'Event bus k8z does not exist.' }
  expect(await call(bus, 'DescribeEventBus', { Name: 'k8z' })).toEqual({ status: 400, body })
})

test('other actions are unknown', async () => {
  const { status, body } = await call(await open(), 'PutRule', {})
  expect([status, body.__type]).toEqual([400, 'UnknownOperationException'])
})

test('faults are consumed by the calls that follow', async () => {
  const bus = await open()
  bus.failNext({ kind: 'throttle' })
  bus.failNext({ kind: 'entry', index: 1 })
  bus.failNext({ kind: 'error' })
  bus.failNext({ kind: 'tooLarge' })
  bus.failNext({ kind: 'reset' })
  expect(await put(bus, entry)).toMatchObject({ status: 400, body: { __type: 'ThrottlingException' } })
  expect((await put(bus, entry, entry)).body.Entries[1]).toMatchObject({ ErrorCode: 'ThrottlingException' })
  expect(await put(bus, entry)).toMatchObject({ status: 500, body: { __type: 'InternalException' } })
  expect(await put(bus, entry)).toEqual({ status: 413, body: '' })
  await expect(put(bus, entry)).rejects.toThrow()
  expect(await put(bus, entry)).toMatchObject({ status: 200 })
  expect([bus.calls, bus.count]).toEqual([6, 2])
})

test('closing ends what hangs', async () => {
  const bus = await open()
  bus.failNext({ kind: 'hang' })
  const hanging = expect(put(bus, entry)).rejects.toThrow()
  await vi.waitFor(() => expect(bus.calls).toBe(1))
  await bus.close()
  await bus.close()
  await hanging
})

test('the newest events are kept, all are counted and told', async () => {
  const onEvent = vi.fn()
  const bus = await open({ keep: 2, onEvent })
  for (const n of [1, 2, 3]) await put(bus, { ...entry, Detail: `{"n":${n}}` })
  expect(bus.events.map(({ detail }) => detail.n)).toEqual([2, 3])
  expect(bus.count).toBe(3)
  expect(onEvent).toHaveBeenCalledTimes(3)
})

test('what arrived is shown, as JSON and as a page that escapes it', async () => {
  const bus = await open()
  await put(bus, { ...entry, DetailType: '<script>', Detail: '{"cluster":"prod-eu","subject":{"a":"</td>"}}' })
  expect(await (await fetch(`${bus.url}/events`)).json()).toMatchObject({ count: 1, lost: 0, events: [{ bus: 'k8s' }] })
  const response = await fetch(bus.url)
  const html = await response.text()
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(html).toContain('&#60;script&#62;')
  expect(html).toContain('prod-eu')
  expect(html).not.toContain('<script>')
  expect((await fetch(`${bus.url}/nothing`)).status).toBe(404)
})
