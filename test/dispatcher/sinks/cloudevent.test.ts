import { HTTP, CloudEvent as Reference } from 'cloudevents'
import { describe, expect, test } from 'vitest'
import type { AnyDelta } from '../../../core/delta.ts'
import { cloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import type { Delivery } from '../../../dispatcher/target.ts'
import { testDelivery } from '../target.suite.ts'

const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: testDelivery().delta.object.metadata }
const pods = { group: '', version: 'v1', resource: 'pods' }
const roles = { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles' }

const clusterRole = (name: string, delta: Partial<AnyDelta> = {}) =>
  testDelivery(
    1,
    { gvk: 'rbac.authorization.k8s.io/v1/ClusterRole', namespace: undefined, name, ...delta } as Partial<AnyDelta>,
    {
      resource: roles,
    },
  )

describe('a delta as a CloudEvent', () => {
  test('has these attributes and no others', () => {
    const updated = testDelivery(1, {
      type: 'Updated',
      object,
      old: object,
      changed: ['spec.replicas'],
    } as Partial<AnyDelta>)
    expect(cloudEvent(updated)).toEqual({
      specversion: '1.0',
      id: 'uid-1.42',
      source: 'k8s://prod-eu/apps/deployments#deployments-to-audit',
      type: 'dev.deltabridge.object.updated.v1',
      subject: '/apis/apps/v1/namespaces/shop/deployments/web-1',
      time: '2026-11-24T05:06:07.890Z',
      datacontenttype: 'application/json',
      dataschema: 'https://deltabridge.dev/schemas/delta/v1.json',
      cluster: 'prod-eu',
      apiversion: 'apps/v1',
      kind: 'Deployment',
      namespace: 'shop',
      name: 'web-1',
      trigger: 'deployments-to-audit',
      partitionkey: 'prod-eu/apps/deployments/shop/web-1',
      sequence: '000000000000000000000000000000000000042',
      dedupekey: expect.stringMatching(/^[0-9a-f]{32}$/),
      data: { object, old: object, changed: ['spec.replicas'] },
    })
  })

  test('of the core group has the path that core has', () => {
    const pod = cloudEvent(testDelivery(1, { gvk: 'v1/Pod' } as Partial<AnyDelta>, { resource: pods }))
    expect(pod).toMatchObject({
      source: 'k8s://prod-eu/core/pods#deployments-to-audit',
      subject: '/api/v1/namespaces/shop/pods/web-1',
      apiversion: 'v1',
      kind: 'Pod',
      partitionkey: 'prod-eu//pods/shop/web-1',
    })
  })

  test('of an object of the whole cluster names no namespace', () => {
    const event = cloudEvent(clusterRole('system:node'))
    expect(event).not.toHaveProperty('namespace')
    expect(event.subject).toBe('/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node')
    expect(event.partitionkey).toBe('prod-eu/rbac.authorization.k8s.io/clusterroles//system:node')
  })

  test.each(['Added', 'Updated', 'Deleted'] as const)('names %s in its type', (type) => {
    expect(cloudEvent(testDelivery(1, { type } as Partial<AnyDelta>)).type).toBe(
      `dev.deltabridge.object.${type.toLowerCase()}.v1`,
    )
  })

  test('tells what is special about a delta in the data, and initial also outside', () => {
    const initial = cloudEvent(testDelivery(1, { object, initial: true, reason: 'StateReset' } as Partial<AnyDelta>))
    expect(initial).toMatchObject({ initial: true, data: { object, initial: true, reason: 'StateReset' } })
    const missed = { type: 'Deleted', object, finalStateUnknown: true, reason: 'MissedWhileDisconnected' }
    const deleted = cloudEvent(testDelivery(1, missed as Partial<AnyDelta>))
    expect(deleted).not.toHaveProperty('initial')
    expect(deleted.data).toEqual({ object, finalStateUnknown: true, reason: 'MissedWhileDisconnected' })
  })

  test('sorts by sequence, and has none when the resourceVersion is not a number', () => {
    const sequence = (resourceVersion: string) => cloudEvent(testDelivery(1, { resourceVersion })).sequence ?? ''
    expect(sequence('9') < sequence('10')).toBe(true)
    expect(sequence('340282366920938463463374607431768211455')).toHaveLength(39)
    expect(cloudEvent(testDelivery(1, { resourceVersion: 'abc' }))).not.toHaveProperty('sequence')
  })

  test('is the same on every attempt, and another one for another trigger or cluster', () => {
    const key = (delta: Partial<AnyDelta> = {}, rest: Partial<Delivery> = {}) =>
      cloudEvent(testDelivery(1, delta, rest)).dedupekey
    expect(cloudEvent(testDelivery(1, {}, { attempt: 7 }))).toEqual(cloudEvent(testDelivery(1)))
    expect(new Set([key(), key({}, { trigger: 'other' }), key({ cluster: 'prod-us' }), key({ id: 'x' })]).size).toBe(4)
  })

  test('keeps the partition key within what queues take', () => {
    const name = 'x'.repeat(253)
    expect(cloudEvent(clusterRole(name)).partitionkey).toMatch(/^[0-9a-f]{64}$/)
    expect(cloudEvent(clusterRole(name)).partitionkey).not.toBe(cloudEvent(clusterRole(`${name}y`)).partitionkey)
  })

  test('has attributes that every receiver reads alike, whatever the names are', () => {
    const odd = clusterRole('naïve "role" 100%?#', {
      cluster: 'arn:aws:eks:eu-west-1:1:cluster/prod',
    } as Partial<AnyDelta>)
    const { data, ...attributes } = cloudEvent(odd)
    for (const value of Object.values(attributes)) expect(String(value)).toMatch(/^[!#$&-~]+$/)
    expect(attributes.name).toBe('na~c3~afve~20~22role~22~20100~25?#')
    expect(attributes.cluster).toBe('arn:aws:eks:eu-west-1:1:cluster/prod')
    expect(new URL(attributes.source)).toMatchObject({ pathname: expect.any(String), hash: '#deployments-to-audit' })
    expect(new URL(attributes.subject, 'https://server').pathname).toBe(attributes.subject)
  })
})

describe('by the CloudEvents SDK', () => {
  const deliveries: [string, Delivery][] = [
    ['a plain one', testDelivery()],
    ['one of the first list', testDelivery(1, { initial: true } as Partial<AnyDelta>)],
    ['one of the whole cluster', clusterRole('system:node')],
    ['one with an odd name', clusterRole('naïve "role" 100%')],
  ]

  test.each(deliveries)('%s is valid', (_, delivery) => {
    expect(new Reference({ ...cloudEvent(delivery) }, true).validate()).toBe(true)
  })

  test.each(deliveries)('%s survives the structured mode', (_, delivery) => {
    const event = cloudEvent(delivery)
    const headers = { 'content-type': 'application/cloudevents+json' }
    const received = HTTP.toEvent({ headers, body: JSON.stringify(event) }) as Reference
    expect(JSON.parse(JSON.stringify(received))).toEqual(JSON.parse(JSON.stringify(event)))
  })

  test.each(deliveries)('%s survives the binary mode', (_, delivery) => {
    const { initial, ...event } = cloudEvent(delivery)
    const { headers, body } = HTTP.binary(new Reference<unknown>({ ...event, ...(initial && { initial }) }))
    const received = HTTP.toEvent({ headers, body }) as Reference
    const { initial: text, ...rest } = JSON.parse(JSON.stringify(received))
    expect(rest).toEqual(JSON.parse(JSON.stringify(event)))
    expect(text === 'true' || text === true).toBe(initial === true)
  })
})
