import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { stringify } from 'yaml'
import { type PlaygroundCluster, startCluster } from '../../infra/playground/cluster.ts'
import { BridgeProcess, type Role } from './bridge-process.ts'
import { type RedisCorner, redisCorner } from './redis.ts'

/** What a function of ours was given. */
export interface Told {
  readonly function: string
  readonly cluster: string
  readonly type: string
  readonly name: string
  readonly id: string
  readonly attempt: number
  readonly initial?: boolean
  /** What `note` made of it. */
  readonly note?: unknown
}

export interface FunctionSource {
  /** @default 'v1/ConfigMap' */
  readonly gvk?: string
  readonly filter?: object
  /** Statements before the delta is noted down; they see `delta`, `context` and `note(something)`. */
  readonly before?: string
  /** An expression over `delta`, kept as `note`. */
  readonly note?: string
}

export interface BridgeOptions {
  /** @default a corner of the run's Redis */
  readonly redis?: { readonly url: string; readonly prefix: string }
  /** Name -> text of its kubeconfig. */
  readonly clusters: Readonly<Record<string, string>>
  /** Beside redis, clusters and functions. */
  readonly settings?: object
}

/** A bridge as somebody would install it: a configuration, kubeconfigs and functions in a folder, and processes that run on it. */
export class Bridge {
  readonly folder: string
  /** Where Redis holds what is this bridge's; undefined when the test brought a Redis of its own. */
  readonly corner: RedisCorner | undefined

  private constructor(folder: string, corner: RedisCorner | undefined) {
    this.folder = folder
    this.corner = corner
  }

  /** Goes with the test, its processes too. */
  static async open({ redis, clusters, settings = {} }: BridgeOptions): Promise<Bridge> {
    const corner = redis ? undefined : redisCorner()
    const folder = await mkdtemp(join(tmpdir(), 'deltabridge-bridge-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const bridge = new Bridge(folder, corner)
    await mkdir(join(folder, 'functions'))
    for (const [name, kubeconfig] of Object.entries(clusters)) await bridge.writeKubeconfig(name, kubeconfig)
    const config = {
      redis: redis ?? corner?.settings,
      clusters: Object.fromEntries(Object.keys(clusters).map((name) => [name, { kubeconfig: `./${name}.kubeconfig` }])),
      functions: './functions',
      ...settings,
    }
    await writeFile(join(folder, 'deltabridge.yaml'), stringify(config))
    return bridge
  }

  async writeKubeconfig(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, `${name}.kubeconfig`), text)
  }

  /** A function that notes down every delta it is given; see `told`. */
  async writeFunction(name: string, source: FunctionSource = {}): Promise<void> {
    await this.writeModule(name, sourceOf(name, join(this.folder, 'told.jsonl'), source))
  }

  async writeModule(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, 'functions', `${name}.ts`), text)
  }

  async removeFunction(name: string): Promise<void> {
    await rm(join(this.folder, 'functions', `${name}.ts`))
  }

  /** A process that runs, ready or not. */
  launch(role: Role): BridgeProcess {
    const process = new BridgeProcess(role, this.folder)
    onTestFinished(() => process.kill())
    return process
  }

  /** A process that is ready. */
  async start(role: Role): Promise<BridgeProcess> {
    const process = this.launch(role)
    await process.ready()
    return process
  }

  /** A dispatcher, then a watcher: what a new trigger hears begins when a watcher follows it. */
  async startBoth(): Promise<{ dispatcher: BridgeProcess; watcher: BridgeProcess }> {
    const dispatcher = await this.start('dispatcher')
    return { dispatcher, watcher: await this.start('watcher') }
  }

  /** What functions were given so far, in the order of its coming. */
  told(name?: string): Told[] {
    const all = textLines(join(this.folder, 'told.jsonl')).map((line): Told => JSON.parse(line))
    return name === undefined ? all : all.filter((one) => one.function === name)
  }

  ids(name?: string): string[] {
    return this.told(name).map(({ id }) => id)
  }

  /** Waits until the function was given exactly these deltas, those of one object in this order. */
  async expectIds(name: string, ids: readonly string[], timeoutMs = 15_000): Promise<void> {
    await until(() => expect(linesOf(this.ids(name))).toEqual(linesOf(ids)), timeoutMs)
  }

  /** The same where something was killed: what was done and not yet acknowledged may have come again. */
  async expectIdsAtLeastOnce(name: string, ids: readonly string[], timeoutMs = 15_000): Promise<void> {
    await until(() => expect(linesOf(new Set(this.ids(name)))).toEqual(linesOf(ids)), timeoutMs)
  }
}

/** Polls until it does not throw any more. */
export function until<T>(check: () => T | Promise<T>, timeoutMs = 15_000): Promise<T> {
  return vi.waitFor(check, { timeout: timeoutMs, interval: 20 })
}

/** A playground cluster that goes with the test. */
export async function playground(name = 'first'): Promise<PlaygroundCluster> {
  const cluster = await startCluster({ name })
  onTestFinished(() => cluster.close())
  return cluster
}

/** Whether a watch was ever opened there. */
export function isWatched({ requests }: PlaygroundCluster): boolean {
  return requests.some(({ query }) => query.includes('watch=1'))
}

/** The ids of each object, in their order. */
function linesOf(ids: Iterable<string>): Record<string, string[]> {
  return Object.groupBy(ids, (id) => id.slice(0, id.lastIndexOf('.'))) as Record<string, string[]>
}

function textLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean)
  } catch {
    return []
  }
}

function sourceOf(name: string, out: string, source: FunctionSource): string {
  const { gvk = 'v1/ConfigMap', filter = { namespaces: ['default'] }, before = '', note = 'undefined' } = source
  return `import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { on, PermanentError, TemporaryError } from 'deltabridge'

const note = (delta, attempt, note) => {
  const { cluster, type, name, id, initial } = delta
  const line = { function: ${JSON.stringify(name)}, cluster, type, name, id, attempt, initial, note }
  appendFileSync(${JSON.stringify(out)}, JSON.stringify(line) + '\\n')
}

export default on(${JSON.stringify(gvk)}, ${JSON.stringify(filter)}, async (delta, context) => {
  ${before}
  note(delta, context.attempt, ${note})
})
`
}
