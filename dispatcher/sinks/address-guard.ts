import { type LookupAddress, lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { SinkError } from './sink.ts'

/**
 * Addresses that a URL in a configuration should not lead to by accident, or by a name that somebody else answers for: this
 * machine's own services, and the metadata service that hands out credentials. Private networks are where most receivers are.
 */
const guarded = [
  ['127.0.0.0', 8],
  ['::1', 128],
  ['0.0.0.0', 8],
  ['::', 128],
  ['169.254.0.0', 16],
  ['fe80::', 10],
  // the metadata service on IPv6
  ['fd00:ec2::254', 128],
] as const

/** Keeps connections away from addresses that are not allowed. */
export class AddressGuard {
  readonly #denied = listOf(guarded.map(([network, bits]) => `${network}/${bits}`))
  readonly #allowed: BlockList

  /** `allow`: addresses and networks (`127.0.0.1`, `169.254.0.0/16`) that are meant all the same. */
  constructor(allow: readonly string[] = []) {
    this.#allowed = listOf(allow)
  }

  /** Throws a SinkError for an address that is guarded and not allowed. */
  check(address: string, host = address): void {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (!this.#denied.check(address, family) || this.#allowed.check(address, family)) return
    const what = host === address ? address : `${host} is ${address}, which`
    const message = `${what} belongs to this machine or its network's own services: if it is meant, add it to allowAddresses`
    throw new SinkError('Misconfigured', message)
  }

  /** For connections: what a name resolves to is looked at each time, right before it is connected to. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '')
      try {
        for (const { address } of addresses) this.check(address, host)
      } catch (refused) {
        return callback(refused as NodeJS.ErrnoException, '')
      }
      const [first] = addresses as [LookupAddress]
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family)
    })
  }
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
