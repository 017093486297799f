import type { Change } from './reflector.ts'

/**
 * The id of a change: derived from it, so that the same change seen twice has the same one. On a stream with a selector an
 * object may come and go several times, so its hash and, for Deleted, the entry are part of it; after a rewind so is their count.
 */
export function deltaId(change: Change, selector: string): string {
  const rewound = change.n > 0 ? `.r${change.n}` : ''
  if (change.type !== 'Deleted') return `${change.uid}.${change.resourceVersion}${selector && `.${selector}`}${rewound}`
  return `${change.uid}.deleted${selector && `.${change.since}.${selector}`}${rewound}`
}
