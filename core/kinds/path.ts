/**
 * `P` if it is a path into one of the objects `T`, else the paths that it could go on with:
 * a misspelt path is a compile error that offers the right ones, and editors complete step by step.
 */
export type PathOf<T, P extends string> = T extends unknown ? (P extends string ? Into<T, P, ''> : never) : never

type Into<T, P extends string, Done extends string> =
  Untyped<T> extends true
    ? `${Done}${P}`
    : P extends `${infer Key}[${infer Selector}]${infer Rest}`
      ? Key extends `${string}.${string}`
        ? Dotted<T, P, Done>
        : Bracketed<T, Key, Selector, Rest, Done>
      : P extends `${string}.${string}`
        ? Dotted<T, P, Done>
        : P extends keyof Item<T>
          ? `${Done}${P}`
          : Offer<T, Done>

/** `spec.replicas` */
type Dotted<T, P extends string, Done extends string> = P extends `${infer Key}.${infer Rest}`
  ? Key extends keyof Item<T>
    ? Into<Item<T>[Key], Rest, `${Done}${Key}.`>
    : Offer<T, Done>
  : never

/** `containers[*].image`, `conditions[type=Ready]`, `labels['app']` */
type Bracketed<
  T,
  Key extends string,
  Selector extends string,
  Rest extends string,
  Done extends string,
> = Key extends keyof Item<T>
  ? Selector extends `'${string}'`
    ? string extends keyof NonNullable<Item<T>[Key]>
      ? `${Done}${Key}[${Selector}]${Rest}`
      : Offer<Item<T>[Key], `${Done}${Key}.`>
    : Rest extends `.${infer Further}`
      ? Into<Item<T>[Key], Further, `${Done}${Key}[${Selector}].`>
      : `${Done}${Key}[${Selector}]${Rest}`
  : Offer<T, Done>

/** Where it could go on; nowhere from a scalar. */
type Offer<T, Done extends string> = [keyof Item<T>] extends [never]
  ? Done extends `${infer Whole}.`
    ? Whole
    : never
  : `${Done}${keyof Item<T> & string}`

/** What a key applies to: of a list, each element. A scalar has no keys. */
type Item<T> =
  NonNullable<T> extends readonly (infer Element)[]
    ? Item<Element>
    : NonNullable<T> extends object
      ? NonNullable<T>
      : object

/** A map (labels, data) or a kind that nobody declared: any key will do. */
type Untyped<T> = string extends keyof Item<T> ? true : false
