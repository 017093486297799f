/** Node's own import, in a file by itself: whatever bundles or transforms the rest leaves this one alone. */
export function importModule(url: string): Promise<Readonly<Record<string, unknown>>> {
  return import(url)
}
