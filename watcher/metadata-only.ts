import { ApiFailure, type Connection } from './connection.ts'

const listOf = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json'
const one = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json'

type Api = Pick<Connection, 'open' | 'get'>

/** Asks for objects without all but their metadata; a server that cannot do that sends them whole, and the rest is left out here. */
export function metadataOnly(api: Api): Api {
  let whole = false
  async function ask<Answer>(accept: string, send: (accept?: string) => Promise<Answer>): Promise<Answer> {
    if (whole) return send()
    try {
      return await send(accept)
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status.code === 406)) throw error
      whole = true
      return send()
    }
  }
  return {
    get: (path, signal, mostBytes) => ask(listOf, (accept) => api.get(path, signal, mostBytes, accept)),
    open: (path, signal) => ask(one, (accept) => api.open(path, signal, accept)),
  }
}
