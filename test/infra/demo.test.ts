import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'

const bin = fileURLToPath(new URL('../../bin/deltabridge.js', import.meta.url))

/** The demo as somebody runs it, with a folder of its own for what is temporary, by which its processes are known. */
async function launch() {
  const folder = await mkdtemp(join(tmpdir(), 'deltabridge-demo-test-'))
  const child: ChildProcess = spawn(process.execPath, [bin, 'demo'], {
    env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data) => (out += data))
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
    // what a demo that is broken left behind
    for (const { id } of await processesWith(folder)) {
      try {
        process.kill(id, 'SIGKILL')
      } catch {
        // gone by itself
      }
    }
    await rm(folder, { recursive: true, force: true })
  })
  return {
    child,
    ended,
    out: () => out,
    async expectNothingLeft(): Promise<void> {
      expect(await readdir(folder)).toEqual([])
      // a process that was killed takes a moment to be gone
      await vi.waitFor(async () => expect(await processesWith(folder)).toEqual([]))
    },
    processes: () => processesWith(folder),
  }
}

/** The running processes whose command line mentions the text. */
async function processesWith(text: string): Promise<{ id: number; command: string }[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const command = (id: number) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')
  const all = await Promise.all(ids.map(async (id) => ({ id, command: (await command(id)).replaceAll('\0', ' ') })))
  return all.filter((one) => one.command.includes(text))
}

const canLook = existsSync('/proc/self/cmdline')

test.runIf(canLook)(
  'the demo keeps every promise, exits with 0 and leaves nothing behind',
  async () => {
    const { ended, out, expectNothingLeft } = await launch()
    const [code] = await ended
    expect(code, out()).toBe(0)
    const lines = out().trimEnd().split('\n')
    expect(lines.at(-1)).toMatch(/^ {3}Every promise held, in \d+ s\.$/)
    expect(lines.at(-3)).toMatch(
      /^ {3}\d+ deltas delivered, \d+ of them to the bus: 0 lost, 0 repeated, 0 made up, 0 out of order; 0 dead letters$/,
    )
    await expectNothingLeft()
  },
  90_000,
)

test.runIf(canLook).each([
  ['while it sets up', 'in this process'],
  ['in the middle', 'One field changes'],
])(
  'interrupted %s it ends with 130 and leaves nothing behind',
  async (_, moment) => {
    const { child, ended, out, processes, expectNothingLeft } = await launch()
    await vi.waitFor(() => expect(out()).toContain(moment), { timeout: 30_000, interval: 10 })
    expect(await processes()).not.toEqual([])
    child.kill('SIGINT')
    const [code] = await ended
    expect(code).toBe(130)
    expect(out()).not.toMatch(/did not hold|did not become ready/)
    await expectNothingLeft()
  },
  60_000,
)
