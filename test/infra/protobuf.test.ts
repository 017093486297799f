import { expect, test } from 'vitest'
import { decodeProtobuf } from '../../infra/playground/cluster/protobuf.ts'

const configMap = { kind: 'ConfigMap', group: '', version: 'v1', apiVersion: 'v1', custom: false }

const field = (number: number, content: Buffer) =>
  Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content])

/** As kubectl sends it. */
function bodyOf(name: string): Buffer {
  const metadata = field(1, field(1, Buffer.from(name)))
  return Buffer.concat([Buffer.from('k8s\0'), field(2, metadata)])
}

test.each(['web', 'rej2', 'h', '*'])('a name is read as it is, also when it could be an empty struct: %s', (name) => {
  expect(decodeProtobuf(bodyOf(name), configMap)).toMatchObject({ metadata: { name } })
})

test('a body that was cut off is refused', () => {
  expect(() => decodeProtobuf(bodyOf('web').subarray(0, -1), configMap)).toThrow()
})
