import type { TestProject } from 'vitest/node'
import { startRedisServer } from '../../infra/playground/redis-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string
  }
}

/** One Redis for the whole run; each test takes a prefix of its own (see redis.ts). */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startRedisServer({ note: console.warn })
  project.provide('redisUrl', server.url)
  return () => server.close()
}
