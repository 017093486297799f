import { expect, test } from 'vitest'
import { readPayloads } from '../../core/queue/payloads.ts'
import { shardKeys } from '../../core/redis/keys.ts'
import { redisCorner } from '../support/redis.ts'

test('payloads come back byte for byte, by reference; what is gone is missing', async () => {
  const corner = redisCorner()
  const redis = await corner.connect()
  const keys = shardKeys(corner.prefix, 0)
  const bytes = Buffer.from([0, 255, 10, 34])
  await redis.hset(keys.payloads('a/b'), '0', bytes, '#0', '1', '1', 'one')
  await redis.hset(keys.payloads('c'), '0', 'zero')
  const payloads = await readPayloads(redis, keys, ['a/b/0', 'a/b/1', 'c/0', 'c/7', 'gone/0', '', 'a/b/0'])
  expect(payloads).toEqual(
    new Map([
      ['a/b/0', bytes],
      ['a/b/1', Buffer.from('one')],
      ['c/0', Buffer.from('zero')],
    ]),
  )
})
