/**
 * Fills dist with what the package holds: what tsc emits for the command line and all it refers to, the Lua scripts beside the JavaScript that reads them,
 * and declarations whose imports name files that are there.
 *
 *   node infra/scripts/build.ts
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dist = join(root, 'dist')
const parts = ['core', 'watcher', 'dispatcher', 'infra']

execFileSync('npx', ['tsc', '--build', 'tsconfig.cli.json'], { cwd: root, stdio: 'inherit' })
for (const file of filesIn(dist)) {
  // what tsc has emitted is noted beside it, so that whoever removes dist has it made anew
  if (file.endsWith('.tsbuildinfo')) continue
  if (sourceOf(file) === undefined) rmSync(join(dist, file))
  else if (file.endsWith('.d.ts')) rewriteImports(join(dist, file))
}
for (const part of parts) {
  for (const file of filesIn(join(root, part))) {
    if (!file.endsWith('.lua')) continue
    mkdirSync(dirname(join(dist, part, file)), { recursive: true })
    cpSync(join(root, part, file), join(dist, part, file))
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}

/** What a file of dist was made from; undefined when that is gone, since tsc leaves behind what it no longer emits. */
function sourceOf(file: string): string | undefined {
  const source = file.endsWith('.lua') ? file : file.replace(/(\.d\.ts|\.js)$/, '.ts')
  return existsSync(join(root, source)) ? source : undefined
}

/** In a checkout imports name TypeScript; tsc rewrites that in JavaScript, and in declarations it does not. */
function rewriteImports(file: string): void {
  const text = readFileSync(file, 'utf8')
  const rewritten = text.replaceAll(/((?:from|import\()\s*['"]\.{1,2}\/[^'"]*)\.ts(['"])/g, '$1.js$2')
  if (rewritten !== text) writeFileSync(file, rewritten)
}
