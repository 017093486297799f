import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where kubectl looks when it is told no file: the files named by KUBECONFIG, else the one in the home folder. */
export function kubeconfigFiles(env: Readonly<Record<string, string | undefined>> = process.env): string[] {
  const named = env.KUBECONFIG?.split(delimiter).filter(Boolean) ?? []
  return named.length > 0 ? named : [join(env.HOME ?? homedir(), '.kube', 'config')]
}
