import { on } from 'deltabridge'

/**
 * The classic controller's example: what happens to the Endpoints of one namespace, with the old and the new state of each.
 * Change the namespace, or leave it out for all.
 */
export default on('v1/Endpoints', { namespaces: ['soa'], old: true }, (delta, { log }) => {
  switch (delta.type) {
    case 'Added':
      return log.info({ addresses: addressesOf(delta.object) }, 'Endpoints added')
    case 'Updated':
      return log.info({ from: addressesOf(delta.old), to: addressesOf(delta.object) }, 'Endpoints updated')
    case 'Deleted':
      // nobody saw it go: what it was at the end is not known, only what was seen last
      if (delta.finalStateUnknown) return log.warn({ lastSeen: addressesOf(delta.object) }, 'Endpoints gone, unseen')
      return log.info({ addresses: addressesOf(delta.object) }, 'Endpoints deleted')
    default:
      return delta satisfies never
  }
})

interface WithAddresses {
  subsets?: readonly {
    addresses?: readonly { ip: string }[]
    ports?: readonly { port: number }[]
  }[]
}

/** `10.0.0.1:80` for every ready address and port. */
function addressesOf({ subsets = [] }: WithAddresses): string[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) =>
    addresses.flatMap(({ ip }) => ports.map(({ port }) => `${ip}:${port}`)),
  )
}
