import type { Redis } from 'ioredis'
import type { ShardKeys } from '../redis/keys.ts'

/** Reads payloads by reference (`<batch>/<field>`), one command per batch; what is gone is missing from the answer. */
export async function readPayloads(
  redis: Redis,
  keys: ShardKeys,
  references: Iterable<string>,
): Promise<Map<string, Buffer>> {
  const fieldsOf = new Map<string, Set<string>>()
  for (const reference of references) {
    if (reference === '') continue
    const slash = reference.lastIndexOf('/')
    const batch = reference.slice(0, slash)
    const fields = fieldsOf.get(batch) ?? new Set()
    fieldsOf.set(batch, fields.add(reference.slice(slash + 1)))
  }
  const payloads = new Map<string, Buffer>()
  await Promise.all(
    [...fieldsOf].map(async ([batch, fields]) => {
      const names = [...fields]
      const bytes = await redis.hmgetBuffer(keys.payloads(batch), ...names)
      names.forEach((name, i) => {
        const payload = bytes[i]
        if (payload) payloads.set(`${batch}/${name}`, payload)
      })
    }),
  )
  return payloads
}
