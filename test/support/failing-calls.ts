import type { Redis } from 'ioredis'

/** Rewrites a script so that its n-th call to Redis fails, and no other. */
export function failingCall(n: number): (source: string) => string {
  return (source) => `local calls, real = 0, redis.call
local function call(...)
  calls = calls + 1
  if calls == ${n} then error({ err = 'INJECTED' }) end
  return real(...)
end
${source.replaceAll('redis.call', 'call')}`
}

/** Everything under a prefix, as one comparable value. `skip`: keys that may differ. */
export async function snapshot(
  redis: Redis,
  prefix: string,
  skip: (key: string) => boolean = () => false,
): Promise<Record<string, unknown>> {
  const keys = new Set<string>()
  for (const match of [`{${prefix}}*`, `{${prefix}:*`]) {
    for await (const some of redis.scanStream({ match, count: 1_000 })) for (const key of some) keys.add(key)
  }
  const values = await Promise.all(
    [...keys]
      .filter((key) => !skip(key))
      .sort()
      .map(async (key): Promise<[string, unknown]> => [key, await valueAt(redis, key)]),
  )
  return Object.fromEntries(values)
}

async function valueAt(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'hash':
      return redis.hgetall(key)
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return (await redis.smembers(key)).sort()
    case 'zset':
      return redis.zrange(key, '0', '-1', 'WITHSCORES')
    default:
      return redis.get(key)
  }
}
