import { stripVTControlCharacters } from 'node:util'
import { type DestinationStream, type Logger, pino } from 'pino'
import { functionFrame } from './function-frame.ts'

/** A logger; children carry the fields `cluster gvk namespace name trigger deltaId attempt`. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** JSON lines; on a terminal one readable line each, in `colour`. `level` as a word, `time` in ISO. */
export function createLog(level: LogLevel, out: NodeJS.WriteStream = process.stdout, colour = true): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    out.isTTY ? readable(out, colour) : pino.destination({ fd: out === process.stderr ? 2 : 1, sync: false }),
  )
}

/** For those who want nothing logged: tests, and commands that print their own results. */
export const silentLog: Log = pino({ level: 'silent' })

const colours: Record<string, number> = { debug: 90, info: 36, warn: 33, error: 31, fatal: 31 }

function readable(out: NodeJS.WriteStream, colour: boolean): DestinationStream {
  return {
    write(line) {
      const { level, time, msg, err, ...fields } = JSON.parse(line)
      const rest = Object.entries(fields).map(
        ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      )
      const where = functionFrame(err)
      const problem =
        err === undefined ? '' : ` \x1b[31m${err.message ?? err}${where === undefined ? '' : ` (${where})`}\x1b[0m`
      const text = `\x1b[90m${String(time).slice(11, 19)}\x1b[0m \x1b[${colours[level] ?? 0}m${String(level).padEnd(5)}\x1b[0m ${msg ?? ''}${problem} \x1b[90m${rest.join(' ')}\x1b[0m\n`
      out.write(colour ? text : stripVTControlCharacters(text))
    },
  }
}
