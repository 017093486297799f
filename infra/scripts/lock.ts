/**
 * Takes `engines` away from the optional packages in package-lock.json. npm leaves out an optional package whose engines do
 * not name the Node that npm itself runs on, without a word; ours run on the Node that package.json brings, not on the
 * machine's. Without this, `npm ci` with Debian's Node 18 lacks the native parts of the test runner.
 *
 *   npm run lock             writes, after each `npm install`
 *   npm run lock -- --check  exits 1 when that was forgotten
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Lock {
  packages: Record<string, { optional?: boolean; devOptional?: boolean; engines?: unknown }>
}

const file = new URL('../../package-lock.json', import.meta.url)
const text = readFileSync(file, 'utf8')
const lock: Lock = JSON.parse(text)
for (const entry of Object.values(lock.packages)) if (entry.optional || entry.devOptional) delete entry.engines
const free = `${JSON.stringify(lock, undefined, 2)}\n`
if (!process.argv.includes('--check')) writeFileSync(file, free)
else if (free !== text) {
  console.error('package-lock.json: optional packages have engines; run: npm run lock')
  process.exitCode = 1
}
