import { quantile } from '../figure.ts'

export interface Latencies {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Milliseconds on a clock that all processes of this machine share. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** From a write to the start of its handler, of every write since the last `begin`. */
export class Stopwatch {
  #ms: number[] = []
  #awaited: { count: number; reached: () => void } | undefined

  stop(data: unknown): void {
    this.#ms.push(now() - Number((data as { at: string }).at))
    this.#tell()
  }

  begin(): void {
    this.#ms = []
  }

  async latencies(count: number): Promise<Latencies> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#awaited = { count, reached: resolve }
    this.#tell()
    await promise
    return { p50Ms: quantile(this.#ms, 0.5), p99Ms: quantile(this.#ms, 0.99) }
  }

  #tell(): void {
    if (this.#awaited && this.#ms.length >= this.#awaited.count) this.#awaited.reached()
  }
}
