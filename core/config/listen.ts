import type { Settings } from './settings.ts'

/** Reads `127.0.0.1:8080`, `[::1]:8080` or `off`. Throws a SyntaxError that says what to write. */
export function parseListen(text: string): Settings['listen'] {
  if (text === 'off') return 'off'
  const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:.%\w]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65_535)
    throw new SyntaxError('must be host:port, as in 127.0.0.1:8080 or 0.0.0.0:8080 for every interface, or off')
  return { host, port: Number(port) }
}
