import { monitorEventLoopDelay } from 'node:perf_hooks'
import { cpuUs } from '../usage.ts'

export interface Usage {
  readonly cpuUs: number
  readonly longestBlockMs: number
  readonly peakRssBytes: number
}

const resolutionMs = 2

/** What this process has used since `start`. */
export class Gauge {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs })
  #startUs = 0

  start(): void {
    this.#delay.reset()
    this.#delay.enable()
    this.#startUs = cpuUs()
  }

  read(): Usage {
    return {
      cpuUs: cpuUs() - this.#startUs,
      longestBlockMs: Math.max(0, this.#delay.max / 1e6 - resolutionMs),
      peakRssBytes: process.resourceUsage().maxRSS * 1_024,
    }
  }
}
