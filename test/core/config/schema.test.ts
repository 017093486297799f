import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configJsonSchema } from '../../../core/config/schema.ts'

test('the JSON Schema in docs is the one of the configuration (node infra/scripts/schema.ts writes it)', () => {
  const file = new URL('../../../docs/deltabridge.schema.json', import.meta.url)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(configJsonSchema())
})

test('the JSON Schema refuses unknown keys and says what is not supported yet', () => {
  expect(configJsonSchema()).toMatchObject({
    additionalProperties: false,
    properties: { console: { not: {}, description: expect.stringContaining('Not supported yet') } },
  })
})
