import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../bin/deltabridge.js', import.meta.url))

/** Runs a command to its end, as somebody who stands in the folder. */
export async function deltabridge(
  folder: string,
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  // no kubeconfig of whoever runs the tests
  const child = spawn(process.execPath, [bin, ...args], { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, out, err }
}
