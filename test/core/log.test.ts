import { resolve } from 'node:path'
import { PassThrough } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { createLog } from '../../core/log.ts'

function linesOnTerminal(colour: boolean): string {
  const out = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true })
  // of a terminal, only what the log looks at
  createLog('info', out as unknown as NodeJS.WriteStream, colour).info({ cluster: 'prod-eu', objects: 3 }, 'synced')
  return String(out.read())
}

test('on a terminal the log is one readable line each', () => {
  expect(linesOnTerminal(false)).toMatch(/^\d\d:\d\d:\d\d info {2}synced cluster=prod-eu objects=3\n$/)
})

test('an error of a function says where in it', () => {
  const out = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true })
  const err = new TypeError('no such order')
  const url = pathToFileURL(resolve('my functions/charge.ts')).href
  err.stack = `TypeError: no such order\n    at pay (node:net:1:1)\n    at handler (${url}?generation=2:3:7)`
  createLog('info', out as unknown as NodeJS.WriteStream, false).warn({ err }, 'delivery failed')
  expect(String(out.read())).toMatch(/delivery failed no such order \(my functions\/charge\.ts:3:7\)/)
})

test('it is in colour only when that is wanted', () => {
  expect(linesOnTerminal(true)).toContain('\x1b[')
  expect(linesOnTerminal(false)).not.toContain('\x1b')
})
