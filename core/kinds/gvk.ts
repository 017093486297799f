import type { BuiltInKinds } from './generated/kinds.ts'
import type { Kinds } from './index.ts'
import type { Wildcard } from './object.ts'

/** Any gvk; editors offer the declared ones. */
export type Gvk = keyof Kinds | '*' | (string & {})

type Group<G extends string> = G extends `${infer Name}/${string}/${string}` ? Name : never
type BuiltInGroup = Group<keyof BuiltInKinds>

/** `G` if it can be watched, else what could have been meant: a misspelt kind of a built-in group is a compile error that offers the right ones. */
export type CheckGvk<G extends string> = string extends G
  ? G
  : G extends keyof Kinds | Wildcard
    ? G
    : G extends `${string}/${string}/${string}`
      ? Group<G> extends BuiltInGroup
        ? Extract<keyof Kinds, `${Group<G>}/${string}`>
        : Group<G> extends `${string}.${string}`
          ? G
          : NoSuchGroup<G>
      : G extends `${infer Version}/${string}`
        ? Extract<keyof Kinds, `${Version}/${string}`> extends never
          ? NotAGvk<G>
          : Extract<keyof Kinds, `${Version}/${string}`>
        : NotAGvk<G>

// Only built-in groups have no dot.
type NoSuchGroup<G extends string> = `${G}: there is no group ${Group<G>}, is its domain missing?`
type NotAGvk<G extends string> = `${G}: write a kind as apiVersion/Kind, e.g. apps/v1/Deployment`
