import { keptBytes, metadataBytes } from './object.ts'

/** kubectl keeps the whole manifest it applied here, values of a Secret included. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

const redacted = '[redacted]'

/**
 * The object's bytes as they may enter Redis: managed fields removed, and of a Secret no value. This is the only way from
 * a stream's bytes to a payload.
 */
export function payloadOf(bytes: Buffer, apiVersion: string, kind: string, metadataOnly = false): Buffer {
  const kept = keptBytes(metadataOnly ? metadataBytes(bytes) : bytes, apiVersion, kind)
  if (kind !== 'Secret' || apiVersion !== 'v1') return kept
  const secret = parse(kept)
  for (const field of ['data', 'stringData']) {
    if (secret[field]) secret[field] = Object.fromEntries(Object.keys(secret[field]).map((key) => [key, redacted]))
  }
  if (secret.metadata?.annotations?.[lastApplied] !== undefined) secret.metadata.annotations[lastApplied] = redacted
  return Buffer.from(JSON.stringify(secret))
}

/** The engine's own message would quote the text, and end in a log. */
function parse(secret: Buffer) {
  try {
    return JSON.parse(secret.toString('utf8'))
  } catch {
    throw new SyntaxError('a Secret that is no JSON')
  }
}
