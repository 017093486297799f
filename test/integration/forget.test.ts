import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { installationKeys, shardKeys } from '../../core/redis/keys.ts'
import { Bridge, playground, until } from '../support/bridge.ts'
import { deltabridge } from '../support/cli.ts'
import { ConfigMaps } from '../support/config-maps.ts'

describe('forget', () => {
  test('drops a trigger that nobody has any more, with what waits for it', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    await bridge.writeFunction('noted', { before: `throw new Error('no')` })
    const { dispatcher, watcher } = await bridge.startBoth()
    await new ConfigMaps(cluster).create('a')
    await until(() => expect(dispatcher.out).toContain('no'))
    const refused = await deltabridge(bridge.folder, 'forget', 'trigger', 'noted')
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('a dispatcher that runs still has trigger noted')

    await dispatcher.stop()
    await rm(join(bridge.folder, 'functions', 'noted.ts'))
    expect(await deltabridge(bridge.folder, 'forget', 'trigger', 'noted')).toEqual({
      code: 0,
      out: 'dropped, with 1 deltas and 0 dead letters: they are removed by the next dispatcher that starts\n',
      err: '',
    })
    await bridge.start('dispatcher')
    const redis = await bridge.corner!.connect()
    const { prefix } = bridge.corner!
    await until(async () => expect(await redis.hkeys(installationKeys(prefix).triggers)).toEqual([]), 20_000)
    expect(await redis.keys(`${shardKeys(prefix, 0).tag}:p:*`)).toEqual([])
    await watcher.stop()
  })

  test('drops what is known of a cluster that was removed, and refuses one that is configured or watched', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    await bridge.writeFunction('noted')
    await new ConfigMaps(cluster).create('a')
    const { watcher } = await bridge.startBoth()
    const elsewhere = await Bridge.open({ clusters: {}, redis: bridge.corner!.settings })
    expect(await deltabridge(bridge.folder, 'forget', 'cluster', 'first')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is configured'),
    })
    expect(await deltabridge(elsewhere.folder, 'forget', 'cluster', 'first')).toMatchObject({
      code: 1,
      err: expect.stringContaining('a watcher that runs watches cluster first'),
    })

    await watcher.stop()
    expect(await deltabridge(elsewhere.folder, 'forget', 'cluster', 'first', '--json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('"streams":1'),
    })
    const redis = await bridge.corner!.connect()
    const shard = shardKeys(bridge.corner!.prefix, 0)
    expect(await redis.hgetall(installationKeys(bridge.corner!.prefix).clusters)).toEqual({})
    expect([...(await redis.keys(`${shard.tag}:s:*`)), ...(await redis.keys(`${shard.tag}:streams*`))]).toEqual([])
  })

  test('of what is not there offers the nearest', async () => {
    const bridge = await Bridge.open({ clusters: {} })
    const redis = await bridge.corner!.connect()
    await redis.hset(installationKeys(bridge.corner!.prefix).clusters, 'prod', '{"id":"c1","shard":0}')
    const { code, out } = await deltabridge(bridge.folder, 'forget', 'cluster', 'prd', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toEqual({
      error: {
        reason: 'NotFound',
        message: 'there is no cluster prd (did you mean prod?)',
        fix: 'see deltabridge status',
      },
    })
  })

  test.each([[['forget']], [['forget', 'trigger']], [['forget', 'stream', 'x']]])('%j is wrong usage', async (args) => {
    const bridge = await Bridge.open({ clusters: {} })
    expect((await deltabridge(bridge.folder, ...args)).code).toBe(2)
  })
})
