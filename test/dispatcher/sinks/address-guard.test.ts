import { describe, expect, test } from 'vitest'
import { AddressGuard } from '../../../dispatcher/sinks/address-guard.ts'
import { testDelivery } from '../target.suite.ts'
import { hookTarget, openHook } from './open-hook.ts'

const live = new AbortController().signal

describe('the address guard', () => {
  test.each([
    '127.0.0.1',
    '127.8.9.1',
    '0.0.0.0',
    '169.254.169.254',
    '::1',
    'fe80::1',
    '::ffff:127.0.0.1',
    'fd00:ec2::254',
  ])('refuses %s', (address) => {
    expect(() => new AddressGuard().check(address)).toThrow(/allowAddresses/)
  })

  test.each(['10.1.2.3', '192.168.1.1', '8.8.8.8', '2001:db8::1', 'fd12::1'])('lets %s pass', (address) => {
    expect(() => new AddressGuard().check(address)).not.toThrow()
  })

  test('lets pass what is allowed, and no more', () => {
    const guard = new AddressGuard(['127.0.0.1', 'fe80::/10'])
    for (const address of ['127.0.0.1', 'fe80::1']) expect(() => guard.check(address)).not.toThrow()
    for (const address of ['127.0.0.2', '::1']) expect(() => guard.check(address)).toThrow()
  })
})

test('nothing is sent to an address of this machine, by its number or by a name for it', async () => {
  const { receiver } = await openHook()
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:7f00:1]', '0x7f000001']) {
    const url = receiver.url.replace('127.0.0.1', host)
    const target = hookTarget({ url, allowAddresses: [] })
    const refused = { failure: 'target', error: { message: expect.stringMatching(/allowAddresses/) } }
    expect(await target.deliver([testDelivery()], live)).toMatchObject([refused])
  }
  expect(receiver.requests).toEqual([])
})
