import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Bridge, isWatched, playground, until } from '../support/bridge.ts'
import { ConfigMaps } from '../support/config-maps.ts'
import { type Meddle, meddlingProxy } from '../support/meddling-proxy.ts'

/** A cluster whose watches are meddled with on their way to the watcher. */
async function open(meddle: Meddle, note: string) {
  const cluster = await playground()
  const url = await meddlingProxy(cluster.url, meddle)
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig().replace(cluster.url, url) } })
  await bridge.writeFunction('noted', { note })
  const process = await bridge.start('start')
  await until(() => expect(isWatched(cluster)).toBe(true))
  return { bridge, process, maps: new ConfigMaps(cluster) }
}

async function* untouched(body: AsyncIterable<Buffer>) {
  yield* body
}

test('a line of a watch that is no JSON is told, and costs no delta', async () => {
  let spoiled = 0
  async function* spoil(body: AsyncIterable<Buffer>) {
    for await (const chunk of body) {
      const isSpoiled = chunk.includes('"spoil-me"') && spoiled++ === 0
      yield isSpoiled ? Buffer.from(chunk.toString().replace('"object":', '"object"')) : chunk
    }
  }
  const { bridge, process, maps } = await open(spoil, 'delta.object.data')
  const ids = [await maps.create('a'), await maps.create('spoil-me'), await maps.create('b')]
  ids.push(await maps.update('spoil-me', { n: '1' }))
  await bridge.expectIds('noted', ids)
  expect(spoiled).toBeGreaterThan(1)
  expect(process.log).toContainEqual(
    expect.objectContaining({ msg: 'watch failed; trying again', reason: 'BadResponse' }),
  )
})

test('an object of 1.5 MB arrives whole, among small ones', async () => {
  const { bridge, maps } = await open(untouched, 'Object.values(delta.object.data ?? {}).map((value) => value.length)')
  const large = 'x'.repeat(1_500_000)
  const ids = [await maps.create('a', { n: '1' }), await maps.create('large', { large }), await maps.create('b')]
  ids.push(await maps.update('large', { n: '1' }), await maps.remove('large'))
  await bridge.expectIds('noted', ids)
  const notes = bridge
    .told()
    .filter(({ name }) => name === 'large')
    .map(({ note }) => note)
  expect(notes).toEqual([[1_500_000], [1_500_000, 1], [1_500_000, 1]])
})

test('日本語 and emoji survive chunks that are cut within their bytes', async () => {
  async function* cut(body: AsyncIterable<Buffer>) {
    for await (const chunk of body)
      for (let at = 0; at < chunk.length; at += 5) {
        yield chunk.subarray(at, at + 5)
        // one packet each
        await turn()
      }
  }
  const { bridge, maps } = await open(cut, 'delta.object.metadata.annotations')
  const annotations = { 'example.com/greeting': '日本語のご挨拶 — こんにちは', 'example.com/emoji': '👩‍👩‍👧‍👦 🇯🇵 ✓' }
  const id = await maps.create('a', { n: '1' }, annotations)
  await bridge.expectIds('noted', [id])
  expect(bridge.told()[0]?.note).toEqual(annotations)
})
