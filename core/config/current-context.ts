import { existsSync } from 'node:fs'
import { kubeconfigFiles } from './kubeconfig-files.ts'
import type { ClusterSettings } from './settings.ts'
import { readYamlFile } from './yaml-file.ts'

/** The cluster that kubectl would speak to, by kubectl's own rules; none when there is no kubeconfig or it has no current context. */
export function currentCluster(env: Readonly<Record<string, string | undefined>>): ClusterSettings | undefined {
  const files = kubeconfigFiles(env)
  for (const file of files.filter((one) => existsSync(one))) {
    const context = contextIn(file)
    if (context === undefined) continue
    // with several files, the context's cluster and user may stand in another one: kubectl's rules again
    const kubeconfig = files.length === 1 ? { kubeconfig: file } : {}
    return { name: clusterNameOf(context), labels: {}, access: { ...kubeconfig, context } }
  }
  return undefined
}

function contextIn(file: string): string | undefined {
  const read = readYamlFile(file)
  if ('faults' in read || typeof read.value !== 'object' || read.value === null) return undefined
  const context = 'current-context' in read.value ? read.value['current-context'] : undefined
  return typeof context === 'string' && context !== '' ? context : undefined
}

/** A context may be named `arn:aws:eks:…:cluster/shop`; a cluster's name is part of sources and ids, where / separates. */
function clusterNameOf(context: string): string {
  return context.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(-100)
}
