import type { Kinds } from './index.ts'
import type { Metadata } from './metadata.ts'

/** `'*'`, `'apps/*'`, `'v1/*'`: many kinds at once. */
export type Wildcard = '*' | `${string}/*`

/** An object of any kind. */
export interface AnyObject {
  apiVersion: string
  kind: string
  metadata: Metadata
  // biome-ignore lint/suspicious/noExplicitAny: the schema of an arbitrary kind is not known here
  [field: string]: any
}

type Head<G extends string> = G extends `${infer Group}/${infer Version}/${infer Kind}`
  ? { apiVersion: `${Group}/${Version}`; kind: Kind }
  : G extends `${infer Version}/${infer Kind}`
    ? { apiVersion: Version; kind: Kind }
    : { apiVersion: string; kind: string }

/** What every object has, whatever its kind. */
export type Identity<G extends string> = G extends Wildcard
  ? Head<''> & { metadata: Metadata }
  : Head<G> & { metadata: Metadata }

/** The object of a gvk as it is on the wire. A kind that is not declared in `Kinds` has untyped fields. */
export type ObjectOf<G extends string> = G extends keyof Kinds
  ? Kinds[G] extends Identity<G>
    ? Kinds[G]
    : Identity<G> & Omit<Kinds[G], 'apiVersion' | 'kind' | 'metadata'>
  : G extends Wildcard
    ? AnyObject
    : AnyObject & Identity<G>
