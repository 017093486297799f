import { expect, test } from 'vitest'
import { installationKeys, layoutVersion } from '../../core/redis/keys.ts'
import { NewerLayout, openInstallation } from '../../core/redis/layout.ts'
import { redisCorner } from '../support/redis.ts'

test('the first process to come writes the version of the layout, however many come at once', async () => {
  const { prefix, connect } = redisCorner()
  const keys = installationKeys(prefix)
  const processes = await Promise.all(Array.from({ length: 5 }, () => connect()))
  await Promise.all(processes.map((redis) => openInstallation(redis, keys)))
  expect(await processes[0]?.get(keys.layout)).toBe(String(layoutVersion))
})

test('a newer layout is refused and left alone, with what to do about it', async () => {
  const { prefix, connect } = redisCorner()
  const keys = installationKeys(prefix)
  const redis = await connect()
  await redis.set(keys.layout, layoutVersion + 1)
  const refused = await openInstallation(redis, keys).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(NewerLayout)
  expect(String(refused)).toMatch(/run the version that wrote it or a newer one, or set another redis.prefix/)
  expect(await redis.get(keys.layout)).toBe(String(layoutVersion + 1))
})

test('a layout that is no number is refused', async () => {
  const { prefix, connect } = redisCorner()
  const keys = installationKeys(prefix)
  const redis = await connect()
  await redis.set(keys.layout, 'two')
  await expect(openInstallation(redis, keys)).rejects.toThrow(NewerLayout)
})

test('an older layout is none of its business', async () => {
  const { prefix, connect } = redisCorner()
  const keys = installationKeys(prefix)
  const redis = await connect()
  await redis.set(keys.layout, layoutVersion - 1)
  await openInstallation(redis, keys)
})
