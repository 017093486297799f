import { HTTP, CloudEvent as Reference } from 'cloudevents'
import { expect, test } from 'vitest'
import type { AnyDelta } from '../../../core/delta.ts'
import { cloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { knativeForm } from '../../../dispatcher/sinks/knative.ts'
import { sizedDelivery } from '../sink.suite.ts'
import { testDelivery } from '../target.suite.ts'
import { openHook } from './open-hook.ts'

const live = new AbortController().signal

test.each([
  ['Added', 'add'],
  ['Updated', 'update'],
  ['Deleted', 'delete'],
] as const)('%s is what Knative calls %s, with the bare object as data', (type, verb) => {
  const delivery = testDelivery(1, { type, changed: ['spec'] } as Partial<AnyDelta>)
  const event = knativeForm(cloudEvent(delivery))
  expect(event).toMatchObject({
    type: `dev.knative.apiserver.resource.${verb}`,
    subject: '/apis/apps/v1/namespaces/shop/deployments/web-1',
    kind: 'Deployment',
    apiversion: 'apps/v1',
    name: 'web-1',
    namespace: 'shop',
    id: 'uid-1.42',
  })
  expect(event.data).toEqual(delivery.delta.object)
  expect(event).not.toHaveProperty('dataschema')
  expect(new Reference<unknown>({ ...event }, true).validate()).toBe(true)
})

test('an object that is too large is a reference, as Knative has them', async () => {
  const { receiver, target } = await openHook({ maxBytes: 5_000 }, { form: knativeForm })
  expect(await target.deliver([sizedDelivery(1, 10_000, 10_000)], live)).toEqual([{ ok: true }])
  const [request] = receiver.requests
  const event = HTTP.toEvent<object>({ headers: request!.headers, body: request!.body }) as Reference<object>
  expect(event.type).toBe('dev.knative.apiserver.ref.update')
  expect(event.data).toEqual({
    kind: 'Deployment',
    namespace: 'shop',
    name: 'web-1',
    uid: 'uid-1',
    apiVersion: 'apps/v1',
    resourceVersion: '42',
  })
})
