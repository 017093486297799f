import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { LogMethod } from '../../core/context.ts'
import { silentLog } from '../../core/log.ts'
import { run, testContext, testDelta } from '../../core/testing.ts'
import { FunctionFolder } from '../../dispatcher/function-folder.ts'
import endpoints from '../../functions/endpoints.ts'
import images from '../../functions/images.ts'
import scaled from '../../functions/scaled.ts'

/** A context whose log can be read. */
function readableContext() {
  const lines: unknown[] = []
  const note: LogMethod = (fields: object | string, message?: string) => void lines.push([message, fields])
  return { lines, context: testContext({ log: { debug: note, info: note, warn: note, error: note } }) }
}

test('every one of them loads as a dispatcher loads it', async () => {
  const path = fileURLToPath(new URL('../../functions', import.meta.url))
  const folder = await FunctionFolder.open(path, { log: silentLog, taken: () => new Set(), onChange: () => {} })
  onTestFinished(() => folder.close())
  expect(folder.problems()).toEqual([])
  expect(folder.functions.map(({ name }) => name).sort()).toEqual(['endpoints', 'images', 'scaled'])
})

test('scaled tells from what to what, and hears of nothing else', async () => {
  const { lines, context } = readableContext()
  const delta = testDelta('apps/v1/Deployment', {
    type: 'Updated',
    old: { spec: { replicas: 1 } },
    object: { spec: { replicas: 3 } },
  })
  expect(await run(scaled, delta, context)).toMatchObject({ outcome: 'done' })
  expect(lines).toEqual([['Deployment scaled', { from: 1, to: 3 }]])
  const other = testDelta('apps/v1/Deployment', {
    type: 'Updated',
    old: { spec: { replicas: 1, paused: false } },
    object: { spec: { replicas: 1, paused: true } },
  })
  expect(await run(scaled, other)).toMatchObject({ outcome: 'filtered' })
})

describe('endpoints', () => {
  const metadata = { name: 'web', namespace: 'soa' }
  const subsets = (ip: string) => ({ subsets: [{ addresses: [{ ip }], ports: [{ port: 80 }] }] })

  test('tells what was added', async () => {
    const { lines, context } = readableContext()
    await run(endpoints, testDelta('v1/Endpoints', { object: { metadata, ...subsets('10.0.0.1') } }), context)
    expect(lines).toEqual([['Endpoints added', { addresses: ['10.0.0.1:80'] }]])
  })

  test('tells the old and the new state of what was updated', async () => {
    const { lines, context } = readableContext()
    const delta = testDelta('v1/Endpoints', {
      type: 'Updated',
      old: { metadata, ...subsets('10.0.0.1') },
      object: { metadata, ...subsets('10.0.0.2') },
    })
    await run(endpoints, delta, context)
    expect(lines).toEqual([['Endpoints updated', { from: ['10.0.0.1:80'], to: ['10.0.0.2:80'] }]])
  })

  test('tells what was deleted, and whether anybody saw it go', async () => {
    const { lines, context } = readableContext()
    const object = { metadata, ...subsets('10.0.0.1') }
    await run(endpoints, testDelta('v1/Endpoints', { type: 'Deleted', object }), context)
    await run(
      endpoints,
      testDelta('v1/Endpoints', { type: 'Deleted', object: { metadata }, finalStateUnknown: true }),
      context,
    )
    expect(lines).toEqual([
      ['Endpoints deleted', { addresses: ['10.0.0.1:80'] }],
      ['Endpoints gone, unseen', { lastSeen: [] }],
    ])
  })

  test('are those of the namespace soa alone', async () => {
    const delta = testDelta('v1/Endpoints', { object: { metadata: { name: 'web', namespace: 'other' } } })
    expect(await run(endpoints, delta)).toMatchObject({ outcome: 'filtered' })
  })
})

describe('images', () => {
  const pod = (...names: string[]) =>
    testDelta('v1/Pod', {
      object: {
        metadata: { name: 'web', namespace: 'shop' },
        spec: { containers: names.map((image) => ({ name: 'app', image })) },
      },
    })

  test('from other registries are told, once each', async () => {
    const { lines, context } = readableContext()
    await run(images, pod('nginx', 'quay.io/a/b:1', 'ghcr.io/a/b', 'nginx', 'localhost:5000/x'), context)
    expect(lines).toEqual([
      ['Pod with images from other registries', { images: ['nginx', 'quay.io/a/b:1', 'localhost:5000/x'] }],
    ])
  })

  test('from allowed ones are not', async () => {
    const { lines, context } = readableContext()
    await run(images, pod('registry.k8s.io/pause:3.10', 'ghcr.io/a/b'), context)
    expect(lines).toEqual([])
  })
})
