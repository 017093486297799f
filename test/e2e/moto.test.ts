import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  CreateArchiveCommand,
  CreateEventBusCommand,
  DescribeArchiveCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge'
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { HTTP } from 'cloudevents'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { EventBridgeSettings, Settings } from '../../core/config/settings.ts'
import { silentLog } from '../../core/log.ts'
import { Jobs } from '../../core/queue/jobs.ts'
import { installationKeys, shardKeys } from '../../core/redis/keys.ts'
import { readTriggerRecords } from '../../core/triggers.ts'
import { startDispatcher } from '../../dispatcher/dispatcher.ts'
import { type CloudEvent, cloudEvent } from '../../dispatcher/sinks/cloudevent.ts'
import { openSink } from '../../dispatcher/sinks/open-sink.ts'
import { sizedDelivery } from '../dispatcher/sink.suite.ts'
import { checkData } from '../dispatcher/sinks/data-schema.ts'
import { stubAws } from '../dispatcher/sinks/open-bus.ts'
import { testDelivery } from '../dispatcher/target.suite.ts'
import { openPusher } from '../support/push.ts'
import { redisCorner } from '../support/redis.ts'
import { type Moto, motoTools, startMoto } from './moto-server.ts'

const tools = await motoTools()
if ('skipped' in tools) console.warn(tools.skipped)

const live = new AbortController().signal
const execute = promisify(execFile)

describe.skipIf('skipped' in tools)('an AWS that nobody here wrote', () => {
  let moto: Moto
  let buses = 0
  beforeAll(async () => {
    moto = await startMoto('bin' in tools ? tools.bin : '')
  })
  afterAll(() => moto?.[Symbol.asyncDispose]())

  /** A bus of its own, with a rule that sends what matches the pattern to a queue. */
  async function openBus(pattern: object) {
    stubAws()
    const name = `k8s-${++buses}`
    const events = new EventBridgeClient({ endpoint: moto.url, region: 'eu-west-1' })
    onTestFinished(() => events.destroy())
    const { EventBusArn } = await events.send(new CreateEventBusCommand({ Name: name }))
    const queue = await sqs<{ QueueUrl: string }>('CreateQueue', { QueueName: name })
    const attributes = { QueueUrl: queue.QueueUrl, AttributeNames: ['QueueArn'] }
    const { Attributes } = await sqs<{ Attributes: { QueueArn: string } }>('GetQueueAttributes', attributes)
    const EventPattern = JSON.stringify(pattern)
    await events.send(new PutRuleCommand({ Name: 'rule', EventBusName: name, EventPattern }))
    const Targets = [{ Id: '1', Arn: Attributes.QueueArn }]
    await events.send(new PutTargetsCommand({ Rule: 'rule', EventBusName: name, Targets }))
    const settings: EventBridgeSettings = { bus: name, region: 'eu-west-1', endpoint: moto.url }
    return { name, arn: EventBusArn!, events, settings, received: () => receive(queue.QueueUrl) }
  }

  async function sqs<T>(action: string, input: object): Promise<T> {
    const response = await fetch(moto.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
        authorization: 'AWS4-HMAC-SHA256 Credential=x/20261124/eu-west-1/sqs/aws4_request',
      },
      body: JSON.stringify(input),
    })
    if (!response.ok) throw new Error(`${action}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  /** Everything that has come out of the rule so far, and is then gone from the queue. */
  async function receive(QueueUrl: string) {
    const details: CloudEvent[] = []
    for (;;) {
      const input = { QueueUrl, MaxNumberOfMessages: 10 }
      const { Messages = [] } = await sqs<{ Messages?: { Body: string; ReceiptHandle: string }[] }>(
        'ReceiveMessage',
        input,
      )
      if (Messages.length === 0) return details
      for (const { Body, ReceiptHandle } of Messages) {
        details.push(JSON.parse(Body).detail)
        await sqs('DeleteMessage', { QueueUrl, ReceiptHandle }).catch(() => {})
      }
    }
  }

  const open = async (eventbridge: EventBridgeSettings) => {
    const target = await openSink({ name: 'audit', eventbridge }, { log: silentLog, onGone: () => {} })
    onTestFinished(() => target.close())
    return target
  }

  test('what a dispatcher sends comes out of a rule, each object’s events under the ids of its deltas', async () => {
    const bus = await openBus({ source: ['dev.deltabridge'], detail: { kind: ['Deployment'], cluster: ['prod-eu'] } })
    const corner = redisCorner()
    const redis = await corner.connect()
    const jobs = new Jobs(await corner.connect('jobs'), shardKeys(corner.prefix, 0))
    onTestFinished(() => jobs.close())
    const settings: Settings = {
      file: undefined,
      redis: corner.settings,
      clusters: [],
      functions: undefined,
      sinks: [{ name: 'audit', eventbridge: bus.settings }],
      triggers: [{ name: 'to-audit', gvk: ['apps/v1/Deployment'], to: 'audit', delivery: {} }],
      delivery: {},
      listen: 'off',
      log: { level: 'silent' },
      orphanSeconds: 3_600,
      forgetAfterDays: 7,
      deadLetters: { maxAgeDays: 30, maxCount: 100_000 },
      drainSeconds: 2,
      readiness: 'any',
    }
    const dispatcher = await startDispatcher(settings, silentLog)
    onTestFinished(() => dispatcher.close({ abort: AbortSignal.timeout(1_000) }))
    const record = async () => (await readTriggerRecords(redis, installationKeys(corner.prefix)))[0]
    await vi.waitFor(async () => expect(await record()).toMatchObject({ state: 'active' }), { timeout: 15_000 })
    const { push } = await openPusher(redis, corner.prefix, (await record())!, { jobs })
    const ids = [...(await push('a', 'b', 'c')), ...(await push('a', 'c'))]
    const got: CloudEvent[] = []
    await vi.waitFor(
      async () => {
        got.push(...(await bus.received()))
        expect(got.map(({ id }) => id).sort()).toEqual([...ids].sort())
      },
      { timeout: 20_000, interval: 100 },
    )
    for (const event of got) {
      const headers = { 'content-type': 'application/cloudevents+json' }
      expect(HTTP.toEvent({ headers, body: JSON.stringify(event) })).toMatchObject({ subject: event.subject })
      checkData(event.data)
    }
  })

  test('a rule picks by type, by cluster and by what changed', async () => {
    const bus = await openBus({
      'detail-type': ['dev.deltabridge.object.updated.v1'],
      detail: { cluster: [{ prefix: 'prod-' }], data: { changed: ['spec.replicas'] } },
    })
    const target = await open(bus.settings)
    const updated = (n: number, changed: string[], cluster = 'prod-eu') =>
      testDelivery(n, { type: 'Updated', changed, cluster } as object)
    const batch = [
      updated(1, ['spec.replicas', 'metadata.labels']),
      updated(2, ['status']),
      updated(3, ['spec.replicas'], 'test'),
      testDelivery(4),
    ]
    expect(await target.deliver(batch, live)).toEqual(batch.map(() => ({ ok: true })))
    await vi.waitFor(async () => expect((await bus.received()).map(({ name }) => name)).toEqual(['web-1']), 10_000)
  })

  test('an archive keeps what was sent', async () => {
    const bus = await openBus({ source: ['nobody'] })
    const archive = { ArchiveName: bus.name, EventSourceArn: bus.arn }
    await bus.events.send(new CreateArchiveCommand({ ...archive, EventPattern: '{"source":["dev.deltabridge"]}' }))
    const target = await open(bus.settings)
    await target.deliver([testDelivery(1), testDelivery(2)], live)
    const { EventCount } = await bus.events.send(new DescribeArchiveCommand({ ArchiveName: bus.name }))
    expect(EventCount).toBe(2)
  })

  test('the check finds the bus, and tells of one that is not there', async () => {
    const bus = await openBus({ source: ['dev.deltabridge'] })
    const target = await open(bus.settings)
    await expect(target.check(live)).resolves.toBeUndefined()
    await expect((await open({ ...bus.settings, bus: 'nope' })).check(live)).rejects.toMatchObject({
      reason: 'NotFound',
    })
  })

  test('what is too large for a bus lies in S3, once however often it is sent', async () => {
    const bus = await openBus({ source: ['dev.deltabridge'] })
    const s3 = new S3Client({ endpoint: moto.url, region: 'eu-west-1', forcePathStyle: true })
    onTestFinished(() => s3.destroy())
    const LocationConstraint = 'eu-west-1'
    await s3.send(new CreateBucketCommand({ Bucket: bus.name, CreateBucketConfiguration: { LocationConstraint } }))
    const claimCheck = { bucket: bus.name, endpoint: moto.url, region: 'eu-west-1' }
    const target = await open({ ...bus.settings, claimCheck })
    await target.check(live)
    const delivery = sizedDelivery(1, 1_000_000)
    for (let attempt = 1; attempt <= 2; attempt++)
      expect(await target.deliver([delivery], live)).toEqual([{ ok: true }])
    const [event, again] = await bus.received()
    expect(event).toMatchObject({ dataref: `s3://${bus.name}/deployments-to-audit/uid-1.42.json` })
    expect(again?.dataref).toBe(event?.dataref)
    const Key = 'deployments-to-audit/uid-1.42.json'
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bus.name, Key }))
    const data = JSON.parse(await Body!.transformToString())
    expect(data).toEqual(cloudEvent(delivery).data)
    checkData(data)
  })

  test('the CloudFormation template has nothing that cfn-lint finds', async () => {
    const template = fileURLToPath(new URL('../../infra/aws/bus.yaml', import.meta.url))
    await execute(join('bin' in tools ? tools.bin : '', 'cfn-lint'), ['--include-checks', 'I', '--', template])
  })
})
