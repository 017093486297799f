import { describe, expect, test } from 'vitest'
import type { Finding } from '../../core/finding.ts'
import { openReceiver } from '../dispatcher/sinks/receiver.ts'
import { Bridge, playground } from '../support/bridge.ts'
import { deltabridge } from '../support/cli.ts'

async function checked(bridge: Bridge, ...args: readonly string[]): Promise<{ code: number; findings: Finding[] }> {
  const { code, out, err } = await deltabridge(bridge.folder, 'check', '--json', ...args)
  expect(err).toBe('')
  const { ok, findings } = JSON.parse(out)
  expect(ok).toBe(code === 0)
  return { code, findings }
}

const bad = (findings: readonly Finding[]) =>
  findings
    .filter(({ level, about }) => level !== 'ok' && about !== 'redis')
    .map(({ about, message }) => `${about}: ${message}`)

describe('check', () => {
  test('finds everything in order: Redis, clusters, functions, sinks and size', async () => {
    const cluster = await playground('first')
    const receiver = await openReceiver()
    const bridge = await Bridge.open({
      clusters: { first: cluster.kubeconfig() },
      settings: {
        sinks: { hook: { http: { url: receiver.url, allowAddresses: ['127.0.0.0/8'] } } },
        triggers: { pods: { gvk: 'v1/Pod', to: 'hook' } },
      },
    })
    await bridge.writeFunction('noted')
    await cluster.request('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'a' } })
    const { code, findings } = await checked(bridge)
    expect(bad(findings)).toEqual([])
    expect(code).toBe(0)
    const told = (about: string) => findings.filter((one) => one.about === about).map(({ message }) => message)
    expect(told('cluster first')).toEqual([
      expect.stringMatching(/^v1\.\d+\.\S+ at http/),
      'may list and watch 2 streams',
    ])
    expect(told('function noted')).toEqual(['loads; it is told of v1/ConfigMap'])
    expect(told('sink hook')).toEqual(['is there'])
    expect(told('redis')).toContainEqual(expect.stringMatching(/^version \d/))
    expect(told('size')).toEqual(['2 streams over 3 connections, 1 objects, 1 MiB of Redis to know them'])
  })

  test('tells everything that is wrong at once, with what to change', async () => {
    const [first, down] = [await playground('first'), await playground('down')]
    await down.down()
    const bridge = await Bridge.open({
      clusters: { first: first.kubeconfig(), again: first.kubeconfig(), down: down.kubeconfig() },
      settings: { sinks: { hook: { http: { url: 'http://127.0.0.1:1/in', allowAddresses: ['127.0.0.0/8'] } } } },
    })
    first.forbid({ resource: 'secrets', verb: 'watch' })
    await bridge.writeFunction('keys', { gvk: 'v1/Secret', filter: { clusters: ['first'] } })
    await bridge.writeFunction('databases', { gvk: 'example.com/v1/Database', filter: { clusters: ['first'] } })
    await bridge.writeModule('broken', 'export default 7\n')
    const { code, findings } = await checked(bridge)
    expect(code).toBe(1)
    expect(bad(findings)).toEqual([
      'cluster first: does not serve example.com/v1/Database; databases waits for it',
      'cluster first: the missing rule: watch on secrets at the cluster scope',
      expect.stringMatching(/^cluster down: ConnectionRefused: /),
      'clusters first and again: are one and the same cluster: everything in it would be told more than once',
      expect.stringMatching(/^function broken\.ts: its default export is not what on\(\) returns/),
      expect.stringMatching(/^sink hook: /),
    ])
    expect(findings).toContainEqual(
      expect.objectContaining({ fix: 'deltabridge rbac --cluster first | kubectl apply -f -' }),
    )
  })

  test('of a warning fails only when it is to be strict', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    await bridge.writeFunction('databases', { gvk: 'example.com/v1/Database', filter: {} })
    expect((await checked(bridge)).code).toBe(0)
    expect((await checked(bridge, '--strict')).code).toBe(1)
  })

  test('of a configuration with faults tells them, a line each', async () => {
    const bridge = await Bridge.open({ clusters: {}, settings: { readiness: 'some' } })
    const { code, out } = await deltabridge(bridge.folder, 'check')
    expect({ code, out }).toEqual({ code: 1, out: 'error    readiness: must be one of any, all\n' })
  })

  test('of a Redis that is away tells so, and all the rest', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({
      clusters: { first: cluster.kubeconfig() },
      redis: { url: 'redis://127.0.0.1:1', prefix: 'nowhere' },
    })
    const { code, findings } = await checked(bridge)
    expect(code).toBe(1)
    expect(findings).toContainEqual({
      level: 'error',
      about: 'redis',
      message: expect.stringContaining('Redis at 127.0.0.1:1 does not answer'),
      fix: expect.any(String),
    })
    expect(findings).toContainEqual({ level: 'ok', about: 'cluster first', message: 'may list and watch 0 streams' })
  })
})
