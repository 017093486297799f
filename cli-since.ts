import { Misuse } from './cli-command.ts'

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A moment, from how long ago it was (`90s`, `2h`, `7d`) or as RFC 3339 has it. Throws Misuse for anything else. */
export function parseSince(text: string, nowMs: number): number {
  const [, amount, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (amount !== undefined) return nowMs - Number(amount) * unitMs[unit]!
  const atMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(atMs)) throw new Misuse(`--since ${text} is no time: write 30m, 2h, 7d or 2026-01-31T12:00:00Z`)
  return atMs
}
