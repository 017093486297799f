import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

/** A Lua script: sent whole once, by its hash from then on. */
export interface Script {
  readonly name: string
  run(redis: Redis, keys: readonly string[], args: readonly (string | number | Buffer)[]): Promise<unknown>
}

/**
 * Reads a `.lua` file; a line `--@include other.lua` is replaced by that file of the same folder.
 * `rewrite` is for tests, which make single calls inside a script fail.
 */
export function loadScript(file: URL, rewrite: (source: string) => string = (source) => source): Script {
  const source = rewrite(withIncludes(file))
  const sha = createHash('sha1').update(source).digest('hex')
  return {
    name: file.pathname.slice(file.pathname.lastIndexOf('/') + 1),
    async run(redis, keys, args) {
      try {
        // as one array: thousands of arguments of a call are too many for JavaScript's stack
        return await redis.call('EVALSHA', [sha, keys.length, ...keys, ...args])
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return redis.call('EVAL', [source, keys.length, ...keys, ...args])
      }
    },
  }
}

function withIncludes(file: URL): string {
  return readFileSync(file, 'utf8').replace(/^--@include (\S+)$/gm, (_, name: string) =>
    withIncludes(new URL(name, file)),
  )
}
