const number = /^(0|[1-9][0-9]*)$/

/**
 * Compares two resourceVersions of one resource of one cluster, as KEP-5504 allows: as decimal numbers of any length.
 * undefined where either is no such number (some aggregated API servers): then only equality means anything.
 */
export function compareResourceVersions(a: string, b: string): number | undefined {
  if (a === b) return 0
  if (!number.test(a) || !number.test(b)) return undefined
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : 1
}
