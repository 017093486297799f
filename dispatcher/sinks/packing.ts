import type { SinkEntry } from './sink.ts'

/** Something on its way whose entry takes room in a request. */
interface Packable {
  readonly entry: SinkEntry
}

/** In their order, as few requests as that allows. One that is over `maxBytes` goes alone. */
export function pack<Item extends Packable>(items: readonly Item[], maxEntries: number, maxBytes: number): Item[][] {
  const requests: Item[][] = []
  let room = 0
  for (const item of items) {
    const request = requests.at(-1)
    const { bytes } = item.entry
    if (request !== undefined && request.length < maxEntries && bytes <= room) {
      request.push(item)
      room -= bytes
    } else {
      requests.push([item])
      room = maxBytes - bytes
    }
  }
  return requests
}

export function bytesOf(items: readonly Packable[]): number {
  return items.reduce((sum, { entry }) => sum + entry.bytes, 0)
}
