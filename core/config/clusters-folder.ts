import { readdirSync, statSync } from 'node:fs'
import { join, parse } from 'node:path'
import type { Fault } from './fault.ts'
import type { ClusterSettings } from './settings.ts'
import { reasonOf } from './yaml-file.ts'

/** What a kubeconfig's file is called, its name aside. */
const extensions = new Set(['', '.yaml', '.yml', '.json', '.conf', '.config', '.kubeconfig'])

export interface ClustersFolder {
  readonly clusters: readonly ClusterSettings[]
  readonly faults: readonly Fault[]
}

/** Every kubeconfig in the folder as a cluster that is named after its file. */
export function clustersIn(folder: string): ClustersFolder {
  const clusters = new Map<string, ClusterSettings>()
  const faults: Fault[] = []
  const refuse = (message: string) => void faults.push({ path: 'clustersFrom', message })
  let files: string[]
  try {
    files = kubeconfigsIn(folder)
  } catch (error) {
    refuse(`${folder} cannot be read: ${reasonOf(error)}`)
    files = []
  }
  for (const file of files) {
    const { name } = parse(file)
    if (!/^[A-Za-z0-9._-]{1,100}$/.test(name))
      refuse(`${join(folder, file)}: the name of a cluster is letters, digits, and . _ - : rename the file`)
    else if (clusters.has(name))
      refuse(`${join(folder, file)} is the second file for the cluster ${name}: remove or rename one of them`)
    else clusters.set(name, { name, labels: {}, access: { kubeconfig: join(folder, file) } })
  }
  return { clusters: [...clusters.values()], faults }
}

/** Dotfiles are left out, and with them `..data` and the like: what Kubernetes mounts stands there a second time. */
export function kubeconfigsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => !file.startsWith('.') && extensions.has(parse(file).ext))
    .filter((file) => statSync(join(folder, file), { throwIfNoEntry: false })?.isFile() ?? false)
    .sort()
}
