import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { Bridge, playground, until } from '../support/bridge.ts'

const secrets = '/api/v1/namespaces/default/secrets'
const password = 'correct-horse-battery-staple'
const encoded = Buffer.from(password).toString('base64')

test('what a Secret holds reaches neither Redis, nor a log, nor a function', async () => {
  const cluster = await playground()
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() }, settings: { log: { level: 'debug' } } })
  const whole = { gvk: 'v1/Secret', note: '{ object: delta.object, old: delta.old, changed: delta.changed }' }
  const filter = { namespaces: ['default'], from: 'existing', old: true }
  await bridge.writeFunction('seen', { ...whole, filter })
  // its deltas, payloads and all, are still in Redis when that is searched
  const before = `throw new TemporaryError('not yet', { retryAfterSeconds: 600 })`
  await bridge.writeFunction('waits', { ...whole, filter, before })

  const lastApplied = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', data: { password: encoded } })
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': lastApplied }
  const metadata = { name: 'login', annotations }
  await cluster.request('POST', secrets, { metadata, data: { password: encoded } })
  const process = await bridge.start('start')
  await until(() => expect(bridge.told('seen')).toHaveLength(1))
  await cluster.request('PATCH', `${secrets}/login`, { metadata: { labels: { app: 'web' } } })
  await cluster.request('PATCH', `${secrets}/login`, { data: { other: encoded } })
  await cluster.request('POST', secrets, { metadata: { name: 'second' }, stringData: { password } })
  await cluster.request('DELETE', `${secrets}/login`)
  await until(() => expect(bridge.told('seen')).toHaveLength(5))
  await until(() => expect(process.log.filter(({ trigger }) => trigger === 'waits')).not.toHaveLength(0))

  expect(bridge.told('seen')[0]?.note).toMatchObject({ object: { data: { password: '[redacted]' } } })
  const redis = await bridge.corner!.connect()
  const places = {
    functions: JSON.stringify(bridge.told()),
    log: process.out,
    Redis: (await everything(redis, bridge.corner!.prefix)).join('\n'),
  }
  expect(places.Redis).toContain('[redacted]')
  expect(places.Redis).toContain('login')
  for (const [place, text] of Object.entries(places))
    for (const secret of [password, encoded]) expect(text.includes(secret), `${secret} in ${place}`).toBe(false)
})

/** Every value in Redis under a prefix, and every key. */
async function everything(redis: Redis, prefix: string): Promise<string[]> {
  const found: string[] = []
  for (const match of [`{${prefix}}*`, `{${prefix}:*`])
    for await (const keys of redis.scanStream({ match, count: 1_000 }))
      for (const key of keys) found.push(key, ...(await valuesOf(redis, key)))
  return found
}

async function valuesOf(redis: Redis, key: string): Promise<string[]> {
  const type = await redis.type(key)
  if (type === 'hash') return Object.entries(await redis.hgetall(key)).flat()
  if (type === 'list') return redis.lrange(key, 0, -1)
  if (type === 'set') return redis.smembers(key)
  if (type === 'zset') return redis.zrange(key, '0', '-1')
  if (type === 'stream') return (await redis.xrange(key, '-', '+')).flatMap(([, fields]) => fields)
  return [(await redis.get(key)) ?? '']
}
