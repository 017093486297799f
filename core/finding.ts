/** One thing that a check found: `warning` works and should not stay so, `error` does not work. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  /** As in `cluster prod-eu`, `sink audit`, `redis`. */
  readonly about: string
  readonly message: string
  /** What to change. */
  readonly fix?: string
}
