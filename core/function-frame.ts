import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where in the modules of functions an error arose, as in `functions/scaled.ts:3:7`; nothing when it was elsewhere. */
export function functionFrame(error: unknown, cwd: string = process.cwd()): string | undefined {
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : ''
  // only what the functions folder loads has a generation: see the dispatcher's `module-hooks.ts`
  const [, url, place] = /(file:\/\/[^\s()]+)\?generation=\d+:(\d+(?::\d+)?)/.exec(stack) ?? []
  return url === undefined ? undefined : `${relative(cwd, fileURLToPath(url))}:${place}`
}
