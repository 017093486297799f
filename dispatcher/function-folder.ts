import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../core/log.ts'
import { type LoadedFunction, loadFunction } from './function-module.ts'
import { type FunctionFile, nameFunctions, type Problem } from './function-names.ts'
import { hookModules, isFunctionFile, type ModuleHooks } from './module-hooks.ts'

export interface FunctionFolderOptions {
  readonly log: Log
  /** Triggers that stand in the configuration: a function cannot have the name of one. */
  readonly taken: () => ReadonlySet<string>
  /** Told of every change in what `functions` answers, once the folder is open. */
  readonly onChange: () => void
  readonly pollMs?: number
  /** A module that takes longer to load is a fault. The larger SDKs take a second or two on a busy machine. */
  readonly loadMs?: number
}

/** Files by path, with what tells that one changed. */
type Marks = ReadonlyMap<string, string>

/**
 * The functions of a folder, followed while it runs. A file that cannot be loaded keeps its last good version and costs the
 * others nothing. Polled: notifications get lost on network file systems and on the links of mounted ConfigMaps.
 */
export class FunctionFolder {
  readonly #path: string
  readonly #options: FunctionFolderOptions
  readonly #files = new Map<string, FunctionFile>()
  readonly #stopped = new AbortController()
  #hooks: ModuleHooks | undefined
  #generation = 0
  #seen: Marks = new Map()
  #unreadable: string | undefined
  #functions: readonly LoadedFunction[] = []
  #problems: readonly Problem[] = []
  #following: Promise<void> = Promise.resolve()

  private constructor(path: string, options: FunctionFolderOptions) {
    this.#path = path
    this.#options = options
  }

  /** Loads what is there, and follows it from then on. */
  static async open(path: string, options: FunctionFolderOptions): Promise<FunctionFolder> {
    const folder = new FunctionFolder(path, options)
    await folder.#take(await folder.#look())
    folder.#following = folder.#follow()
    return folder
  }

  get functions(): readonly LoadedFunction[] {
    return this.#functions
  }

  /** What is wrong with which file. */
  get faults(): readonly Problem[] {
    return this.#problems
  }

  problems(): readonly string[] {
    const problems = this.#problems.map(({ about, message }) => `${about}: ${message}`)
    return this.#unreadable === undefined ? problems : [this.#unreadable, ...problems]
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    await this.#following
    this.#hooks?.close()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopped
    const { pollMs = 500, onChange } = this.#options
    let before = this.#seen
    while (!signal.aborted) {
      await sleep(pollMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      const now = await this.#look()
      // twice the same: nobody is in the middle of writing
      if (same(now, before) && !same(now, this.#seen) && (await this.#take(now))) onChange()
      before = now
    }
  }

  async #look(): Promise<Marks> {
    try {
      // modules are known by their real path
      const root = await realpath(this.#path)
      const marks = await markFiles(root)
      this.#hooks ??= hookModules(root)
      this.#unreadable = undefined
      return marks
    } catch (error) {
      // not a removal of every function in it
      const message = `the functions folder ${this.#path} cannot be read (${(error as Error).message}): what was loaded runs on`
      if (this.#unreadable === undefined)
        this.#options.log.error({ folder: this.#path, err: error }, 'the functions folder cannot be read')
      this.#unreadable = message
      return this.#seen
    }
  }

  /** Loads what is new or touched by a change. Returns whether that made a difference. */
  async #take(now: Marks): Promise<boolean> {
    const hooks = this.#hooks
    if (!hooks) return false
    const changed = new Set([...now].filter(([file, mark]) => this.#seen.get(file) !== mark).map(([file]) => file))
    for (const file of this.#seen.keys()) if (!now.has(file)) changed.add(file)
    for (const file of this.#files.keys()) if (!now.has(file)) this.#files.delete(file)
    this.#seen = now
    this.#generation++
    const functions = [...now.keys()].filter((file) => dirname(file) === hooks.folder && isFunctionFile(file))
    const touched = functions.filter((file) => this.#touched(file, changed, hooks))
    await Promise.all(touched.map((file) => this.#load(file, hooks)))
    return this.#judge()
  }

  #touched(file: string, changed: ReadonlySet<string>, hooks: ModuleHooks): boolean {
    const known = this.#files.get(file)
    // what did not load may lack the very file that came
    return !known || known.faults.length > 0 || [...hooks.reach(file)].some((one) => changed.has(one))
  }

  async #load(file: string, hooks: ModuleHooks): Promise<void> {
    const { loadMs = 10_000 } = this.#options
    const { signal } = this.#stopped
    const loaded = await loadFunction(file, hooks.url(file, this.#generation), { patienceMs: loadMs, signal })
    if (signal.aborted) return
    const path = relative(hooks.folder, file)
    const good = 'faults' in loaded ? this.#files.get(file)?.good : loaded
    this.#files.set(file, { path, faults: 'faults' in loaded ? loaded.faults : [], ...(good && { good }) })
  }

  #judge(): boolean {
    const { log, taken } = this.#options
    const before = this.#functions
    const { functions, problems } = nameFunctions([...this.#files.values()], taken(), before)
    const told = new Set(this.problems())
    this.#functions = functions
    this.#problems = problems
    for (const { about, message } of problems) {
      if (!told.has(`${about}: ${message}`)) log.error({ problem: message }, `fault in ${about}`)
    }
    const fresh = functions.filter((one) => !before.includes(one))
    for (const { name } of fresh) log.info({ trigger: name }, 'function loaded')
    return fresh.length > 0 || functions.length !== before.length
  }
}

async function markFiles(folder: string, marks = new Map<string, string>()): Promise<Marks> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await markFiles(path, marks)
    else {
      const info = await stat(path).catch(() => undefined)
      if (info?.isFile()) marks.set(path, `${info.mtimeMs} ${info.size} ${info.ino}`)
    }
  }
  return marks
}

function same(a: Marks, b: Marks): boolean {
  return a.size === b.size && [...a].every(([file, mark]) => b.get(file) === mark)
}
