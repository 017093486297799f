import { ApiFailure, type Connection } from './connection.ts'
import { readPage } from './frame.ts'
import type { Known } from './known.ts'
import { pathOf, type Query } from './query.ts'

/** A list says that most of what was known is gone, and the API server does not bear it out object by object. */
export class SuspiciousList extends Error {
  override name = 'SuspiciousList'
}

export interface Deletion {
  readonly api: Pick<Connection, 'get'>
  readonly query: Query
  readonly signal: AbortSignal
  readonly known: Known
  /** Uids that a list lacked. */
  readonly gone: readonly string[]
}

/** So much may go by one list without anybody asking: a namespace is deleted, a deployment scaled down. */
const unquestionedObjects = 100
const unquestionedShare = 0.3
const sampleSize = 10

/**
 * Asks for some of the objects by name before a list is believed that lacks most of what is known: a broken proxy answers
 * with an empty list, too. Throws SuspiciousList when one of them is still there, or cannot be asked for.
 */
export async function confirmDeletion(deletion: Deletion): Promise<void> {
  const { known, gone, signal } = deletion
  if (gone.length <= Math.max(unquestionedObjects, unquestionedShare * known.size)) return
  for (const uid of sample(gone)) {
    const { key } = known.get(uid)!
    let there: boolean
    try {
      there = await isThere(deletion, uid, key)
    } catch (error) {
      signal.throwIfAborted()
      const why = error instanceof Error ? error.message : String(error)
      throw suspicion(deletion, `${key}, asked for by name, gave no answer: ${why}`)
    }
    if (there) throw suspicion(deletion, `${key}, asked for by name, is still there`)
  }
}

function suspicion({ known, gone }: Deletion, why: string): SuspiciousList {
  return new SuspiciousList(
    `a list lacks ${gone.length} of ${known.size} known objects, but ${why}; nothing is deleted`,
  )
}

/** Evenly spread over all of them. */
function sample(gone: readonly string[]): string[] {
  return Array.from({ length: sampleSize }, (_, i) => gone[Math.floor((i * gone.length) / sampleSize)]!)
}

/** Whether the very object is there and still one that the stream asks for. */
async function isThere(deletion: Deletion, uid: string, key: string): Promise<boolean> {
  const { labelSelector, fieldSelector } = deletion.query
  const slash = key.indexOf('/')
  const name = `metadata.name=${key.slice(slash + 1)}`
  const among = (selectors: Record<string, string>) => holds(deletion, key.slice(0, Math.max(slash, 0)), uid, selectors)
  if (!(await among({ fieldSelector: name }))) return false
  if (labelSelector === '' && fieldSelector === '') return true
  // it only left the selector
  const selected = fieldSelector === '' ? name : `${fieldSelector},${name}`
  return among({ fieldSelector: selected, ...(labelSelector !== '' && { labelSelector }) })
}

async function holds(
  { api, query, signal }: Deletion,
  namespace: string,
  uid: string,
  selectors: Record<string, string>,
): Promise<boolean> {
  try {
    const path = `${pathOf({ ...query, namespace })}?${new URLSearchParams(selectors)}`
    return readPage(await api.get(path, signal)).items.some((object) => object.uid === uid)
  } catch (error) {
    if (error instanceof ApiFailure && error.status.code === 404) return false
    throw error
  }
}
