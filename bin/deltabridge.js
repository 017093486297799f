#!/usr/bin/env node
// Plain JavaScript that also an old Node can read, so that it can say what is wrong.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(`deltabridge needs Node 24 or newer, and this is ${process.version}: run it with another one`)
  process.exitCode = 1
} else {
  // in a checkout the source runs as it is; a package has only what was compiled
  const source = new URL('../cli.ts', import.meta.url)
  const cli = existsSync(source) ? source : new URL('../dist/cli.js', import.meta.url)
  const { main } = await import(cli.href)
  await main(fileURLToPath(import.meta.url), process.argv.slice(2))
}
