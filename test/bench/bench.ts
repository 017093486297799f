import type { RedisServer } from '../../infra/playground/redis-server.ts'
import type { Figure } from './figure.ts'

export interface BenchContext {
  /** Of this bench alone, with an append-only file synced every second. */
  readonly redis: RedisServer
  /** How often each contender is measured; they take turns. */
  readonly rounds: number
  /** Less of everything: to see that it runs, not to compare. */
  readonly quick: boolean
}

export type Bench = (context: BenchContext) => AsyncGenerator<Figure>
