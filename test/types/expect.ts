/** Exactly equal types, not merely assignable ones. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only with `true`. */
export function expectType<_Holds extends true>(): void {}
