import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { buildConnector } from 'undici'
import type { HttpSettings } from '../../core/config/settings.ts'
import { AddressGuard } from './address-guard.ts'

const connectTimeoutMs = 3_000

export type Connect = buildConnector.connector

/** Connects to where the settings say, and to no address that is guarded. */
export function guardedConnect({ allowAddresses, tls }: Pick<HttpSettings, 'allowAddresses' | 'tls'>): Connect {
  const guard = new AddressGuard(allowAddresses)
  const connect = buildConnector({
    lookup: guard.lookup,
    timeout: connectTimeoutMs,
    ...(tls?.caFile !== undefined && { ca: readFileSync(tls.caFile) }),
  })
  return (options, callback) => {
    // a literal address is never looked up
    const address = options.hostname.replace(/^\[|\]$/g, '')
    try {
      if (isIP(address) !== 0) guard.check(address)
    } catch (error) {
      return callback(error as Error, null)
    }
    return connect(options, callback)
  }
}

/** A connection is all that can be asked for without sending an event. */
export function reach(connect: Connect, { hostname, protocol, port }: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    connect({ hostname, protocol, port: port || (protocol === 'https:' ? '443' : '80') }, (error, socket) => {
      socket?.destroy()
      if (error) reject(error)
      else resolve()
    })
  })
}
