/**
 * Writes docs/deltabridge.schema.json, the JSON Schema of the configuration file, for editors.
 *
 *   node infra/scripts/schema.ts            writes
 *   node infra/scripts/schema.ts --check    exits 1 when what is committed differs
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { configJsonSchema } from '../../core/config/schema.ts'

const output = new URL('../../docs/deltabridge.schema.json', import.meta.url)
const text = `${JSON.stringify(configJsonSchema(), null, 2)}\n`

function committed(): string | undefined {
  try {
    return readFileSync(output, 'utf8')
  } catch {
    return undefined
  }
}

if (process.argv.includes('--check')) {
  if (committed() !== text) {
    console.error('docs/deltabridge.schema.json differs. Run: node infra/scripts/schema.ts')
    process.exitCode = 1
  }
} else {
  mkdirSync(new URL('.', output), { recursive: true })
  writeFileSync(output, text)
  console.log('docs/deltabridge.schema.json written')
}
