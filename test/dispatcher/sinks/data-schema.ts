import { z } from 'zod'
import schema from '../../../docs/schemas/delta/v1.json' with { type: 'json' }

const { properties } = schema

/** What data is by the published schema; a field that the schema does not know is a fault here, though not for readers. */
const data = z.fromJSONSchema({ ...schema, additionalProperties: false } as z.core.JSONSchema.JSONSchema)

/** Throws when it is not what the published schema says. */
export function checkData(value: unknown): void {
  data.parse(value)
}

export const dataFields: readonly string[] = Object.keys(properties)
