import type { LoadedFunction } from './function-module.ts'

/** A file of the functions folder, as it stands. */
export interface FunctionFile {
  /** Relative to the folder. */
  readonly path: string
  /** The last version that could be loaded. */
  readonly good?: LoadedFunction
  /** Of the newest version. */
  readonly faults: readonly string[]
}

export interface Problem {
  readonly about: string
  readonly message: string
}

/**
 * Which functions there are in the end: a name belongs to one file, and to no trigger of the configuration. Who has had the
 * name before keeps it; of two that come together neither gets it.
 */
export function nameFunctions(
  files: readonly FunctionFile[],
  taken: ReadonlySet<string>,
  before: readonly LoadedFunction[],
): { functions: readonly LoadedFunction[]; problems: readonly Problem[] } {
  const problems: Problem[] = []
  const named = new Map<string, { path: string; good: LoadedFunction }[]>()
  for (const { path, good, faults } of files) {
    for (const fault of faults)
      problems.push({ about: `function ${path}`, message: good ? `${fault}; its last good version runs on` : fault })
    if (good) named.set(good.name, [...(named.get(good.name) ?? []), { path, good }])
  }
  const functions: LoadedFunction[] = []
  for (const [name, all] of named) {
    if (taken.has(name)) {
      const message = `trigger ${name} of the configuration has its name: rename one of them`
      for (const { path } of all) problems.push({ about: `function ${path}`, message })
      continue
    }
    const holder =
      all.length === 1
        ? all[0]
        : all.find(({ good }) => before.some((one) => one.name === name && one.file === good.file))
    if (holder) functions.push(holder.good)
    if (all.length > 1) {
      const paths = all.map(({ path }) => path).sort()
      problems.push({
        about: `functions ${paths.join(' and ')}`,
        message: `have the same name, ${name}: rename one of them`,
      })
    }
  }
  return { functions, problems }
}
