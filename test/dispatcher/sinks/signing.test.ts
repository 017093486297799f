import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { SigningKeys } from '../../../dispatcher/sinks/signing-keys.ts'
import { testDelivery } from '../target.suite.ts'
import { openHook } from './open-hook.ts'
import type { Received } from './receiver.ts'

const live = new AbortController().signal
const first = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const second = `whsec_${Buffer.alloc(32, 2).toString('base64')}`

async function keyFile(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'signing.key')
  await writeFile(file, text)
  return file
}

/** As a receiver does it, with the library of Standard Webhooks. */
const verify = (key: string, { body, headers }: Received) =>
  new Webhook(key).verify(body, headers as Record<string, string>)

describe('a signed delivery', () => {
  test.each(['binary', 'structured', 'batched'] as const)(
    'is verified by the library of Standard Webhooks, %s',
    async (mode) => {
      const { receiver, target } = await openHook({ mode, signingKeyFile: await keyFile(first) })
      const odd = testDelivery(1, { object: { ...testDelivery().delta.object, data: 'naïve ✓' } } as object)
      await target.deliver([odd], live)
      const [request] = receiver.requests
      expect(verify(first, request!)).toBeTruthy()
      expect(() => verify(second, request!)).toThrow()
      expect(() => verify(first, { ...request!, body: `${request!.body} ` })).toThrow()
    },
  )

  test('is verified by who knows the old key and by who knows the new one', async () => {
    const signingKeyFile = await keyFile(`# newest first\n${second}\n${first}\n`)
    const { receiver, target } = await openHook({ signingKeyFile })
    await target.deliver([testDelivery()], live)
    for (const key of [first, second]) expect(verify(key, receiver.requests[0]!)).toBeTruthy()
  })

  test('has the same webhook-id on every attempt, and another one for another trigger', async () => {
    const { receiver, target } = await openHook({ signingKeyFile: await keyFile(first) })
    receiver.answer({ status: 500 })
    await target.deliver([testDelivery()], live)
    await target.deliver([testDelivery(1, {}, { attempt: 2 })], live)
    await target.deliver([testDelivery(1, {}, { trigger: 'other' })], live)
    const [a, b, c] = receiver.requests.map(({ headers }) => headers['webhook-id'])
    expect(b).toBe(a)
    expect(c).not.toBe(a)
  })
})

describe('the keys', () => {
  const signed = (keys: SigningKeys) => keys.sign('id', '1', 'body')

  test('are read again while running, so that they can be replaced', async () => {
    const file = await keyFile(first)
    const keys = new SigningKeys(file, undefined, 0)
    const before = await signed(keys)
    await writeFile(file, `${second}\n${first}`)
    const after = await signed(keys)
    expect(after.split(' ')).toHaveLength(2)
    expect(after).toContain(before)
  })

  test('hold on while their file is gone, and that is told', async () => {
    const warn = vi.fn()
    const file = await keyFile(first)
    const keys = new SigningKeys(file, { warn }, 0)
    const before = await signed(keys)
    await rm(file)
    expect(await signed(keys)).toBe(before)
    expect(warn).toHaveBeenCalledOnce()
  })

  test.each([
    ['nothing', ''],
    ['a password', 'hunter2'],
    ['a key that is too short', Buffer.alloc(16).toString('base64')],
  ])('are refused when they are %s, and never repeated', async (_, text) => {
    const error = await signed(new SigningKeys(await keyFile(text))).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ message: expect.stringMatching(/whsec_ and 24 to 64 bytes/) })
    if (text !== '') expect((error as Error).message).not.toContain(text)
  })
})
