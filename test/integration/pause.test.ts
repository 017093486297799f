import { describe, expect, test } from 'vitest'
import { Bridge, playground, until } from '../support/bridge.ts'
import { deltabridge } from '../support/cli.ts'
import { ConfigMaps } from '../support/config-maps.ts'

describe('pause and resume', () => {
  test('stop one trigger and no other, are told by status, and go on with all that waits', async () => {
    const cluster = await playground('first')
    const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
    await bridge.writeFunction('noted')
    await bridge.writeFunction('other')
    await bridge.startBoth()
    const maps = new ConfigMaps(cluster)
    const ids = [await maps.create('a')]
    await bridge.expectIds('noted', ids)
    const paused = await deltabridge(bridge.folder, 'pause', 'noted')
    expect(paused).toEqual({ code: 0, out: 'paused; 0 deltas wait, 0 objects are in flight\n', err: '' })
    ids.push(await maps.create('b'))
    await bridge.expectIds('other', ids)
    const { out } = await deltabridge(bridge.folder, 'status', '--json', '--problems')
    expect(JSON.parse(out).triggers).toMatchObject([{ name: 'noted', state: 'Paused', pending: 1, inFlight: 0 }])
    expect(bridge.ids('noted')).toEqual(ids.slice(0, 1))
    const again = await deltabridge(bridge.folder, 'pause', 'noted', '--json')
    expect(JSON.parse(again.out)).toEqual({ trigger: 'noted', paused: true, changed: false, pending: 1, inFlight: 0 })
    const resumed = await deltabridge(bridge.folder, 'resume', 'noted', '--json')
    expect(JSON.parse(resumed.out)).toMatchObject({ trigger: 'noted', paused: false, changed: true })
    await bridge.expectIds('noted', ids)
    await until(async () => {
      const { out } = await deltabridge(bridge.folder, 'status', '--json', '--problems')
      expect(JSON.parse(out).triggers).toEqual([])
    })
  })

  test('of a trigger that there is not name the one that was probably meant', async () => {
    const bridge = await Bridge.open({ clusters: {} })
    await bridge.writeFunction('noted')
    await bridge.start('dispatcher')
    const { code, err } = await deltabridge(bridge.folder, 'pause', 'notd')
    expect({ code, err }).toEqual({
      code: 1,
      err: 'there is no trigger notd (did you mean noted?): see deltabridge status\n',
    })
  })
})
