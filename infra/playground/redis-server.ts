import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A Redis of our own, for the demo and for tests: on a free port of loopback, with its data in a folder of its own. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** SIGKILL, as a crash would; what the append-only file has is there again after `start`. */
  kill(): Promise<void>
  /** Starts it again on the same port and data. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface RedisServerOptions {
  /** 0: any that is free. */
  port?: number
  /** More of redis-server's own arguments: `['--cluster-enabled', 'yes']`. */
  args?: readonly string[]
  /** Told when redis-server has to be installed first. */
  note?: (message: string) => void
}

/** Finds redis-server on PATH, else installs it from Debian's packages, else says what to do. */
async function findRedisServer(note: (message: string) => void = () => {}): Promise<string> {
  const found = await onPath('redis-server')
  if (found) return found
  const apt = await onPath('apt-get')
  if (apt && process.getuid?.() === 0) {
    note('redis-server is not installed; installing it from Debian’s packages …')
    const run = promisify(execFile)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    await run(apt, ['update', '-qq'], { env }).catch(() => {})
    try {
      // the package alone: its service would take port 6379, where something of the user's may be
      await run(apt, ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], {
        env: { ...env, RUNLEVEL: '1' },
        maxBuffer: 64 << 20,
      })
    } catch (error) {
      throw new Error(`redis-server could not be installed: ${(error as { stderr?: string }).stderr || error}`)
    }
    const installed = await onPath('redis-server')
    if (installed) return installed
  }
  throw new Error(
    'redis-server is needed and not on PATH. Install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis; Fedora: dnf install redis) and run this again.',
  )
}

/** Starts one with an append-only file, as production has it. Ends with this process, however that ends. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = await findRedisServer(options.note)
  const dir = await mkdtemp(join(tmpdir(), 'deltabridge-redis-'))
  await mkdir(join(dir, 'appendonlydir'), { recursive: true })
  const port = options.port || (await freePort())
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    if (child) return
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'yes']
    args.push(
      '--appendfsync',
      'everysec',
      '--maxmemory-policy',
      'noeviction',
      '--loglevel',
      'warning',
      ...(options.args ?? []),
    )
    // its standard input closes when this process is gone, even by SIGKILL: then the shell ends it
    const script = '"$@" </dev/null & pid=$!; { read -r _; kill -9 $pid; } 2>/dev/null; wait $pid'
    const started = spawn('sh', ['-c', script, 'sh', binary, ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
    })
    let problem = ''
    started.stderr!.setEncoding('utf8').on('data', (text: string) => {
      problem = `${problem}${text}`.slice(-2_000)
    })
    started.stdin!.on('error', () => {})
    child = started
    const deadline = performance.now() + 20_000
    while (!(await answers(port))) {
      if (started.exitCode !== null || performance.now() > deadline)
        throw new Error(`redis-server did not start on port ${port}: ${problem}`)
      await sleep(20)
    }
  }

  async function kill(): Promise<void> {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null) return
    running.stdin!.end()
    await once(running, 'exit')
    while (await answers(port)) await sleep(10)
  }

  async function close(): Promise<void> {
    await kill()
    await rm(dir, { recursive: true, force: true })
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child?.pid ?? 0
    },
    kill,
    start,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Whether a Redis on the port answers PING. */
async function answers(port: number): Promise<boolean> {
  const { connect } = await import('node:net')
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.setTimeout(1_000, () => socket.destroy())
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(bytes.toString().startsWith('+PONG'))
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}

/** A port of loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function onPath(command: string): Promise<string | undefined> {
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin']) {
    if (!dir) continue
    const file = join(dir, command)
    const executable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (executable) return file
  }
  return undefined
}
