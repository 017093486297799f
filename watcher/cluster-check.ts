import type { ClusterSettings } from '../core/config/settings.ts'
import type { Finding } from '../core/finding.ts'
import type { TriggerDefinition } from '../core/triggers.ts'
import { reviewAccess } from './access-review.ts'
import { readIdentity } from './cluster-identity.ts'
import { Connection } from './connection.ts'
import { ruleText } from './missing-rule.ts'
import { needsOf } from './needs.ts'
import { apiVersionOf, pathOf, type Query, selectorsOf } from './query.ts'
import { watchFailure } from './watch-failure.ts'

export interface CheckedCluster {
  readonly name: string
  readonly findings: readonly Finding[]
  /** Of the namespace kube-system: what tells one cluster from another. */
  readonly uid?: string
  readonly streams: number
  /** As far as the API server counts them. */
  readonly objects: number
}

/** Bookmarks, without which the position of an idle stream ages, are there since then. */
const oldestMinor = 17
const newestTestedMinor = 36

/** Whether a cluster can be reached, and whether everything that the triggers need of it is allowed. Never rejects. */
export async function checkCluster(
  cluster: ClusterSettings,
  definitions: readonly TriggerDefinition[],
  signal: AbortSignal,
): Promise<CheckedCluster> {
  const about = `cluster ${cluster.name}`
  const findings: Finding[] = []
  let connection: Connection | undefined
  try {
    connection = new Connection(cluster.access)
    const { gitVersion } = JSON.parse((await connection.get('/version', signal)).toString('utf8'))
    findings.push(versionFinding(about, String(gitVersion), connection.server))
    const uid = await readIdentity(connection, signal)
    if (uid === undefined)
      findings.push({
        level: 'warning',
        about,
        message: 'its identity cannot be read: another cluster in its place would not be noticed',
        fix: 'allow get on the namespace kube-system, as deltabridge rbac prints it',
      })
    const { queries, unserved } = await needsOf(cluster, definitions, connection, signal)
    for (const [gvk, names] of unserved)
      findings.push({
        level: 'warning',
        about,
        message: `does not serve ${gvk}; ${names.join(', ')} wait${names.length === 1 ? 's' : ''} for it`,
        fix: 'install what defines it, or name clusters in the trigger',
      })
    let objects = 0
    for (const query of queries) {
      const missing = await reviewAccess(connection, query, signal)
      if (missing) {
        const fix = `deltabridge rbac --cluster ${cluster.name} | kubectl apply -f -`
        findings.push({ level: 'error', about, message: `the missing rule: ${ruleText(missing)}`, fix })
      } else objects += await countOf(connection, query, signal)
    }
    if (!findings.some(({ level }) => level === 'error'))
      findings.push({ level: 'ok', about, message: `may list and watch ${plural(queries.length, 'stream')}` })
    return {
      name: cluster.name,
      findings,
      ...(uid !== undefined && { uid }),
      streams: queries.length,
      objects,
    }
  } catch (error) {
    const { reason, message } = watchFailure(error)
    findings.push({ level: 'error', about, message: `${reason}: ${message}`, fix: fixOf(reason) })
    return { name: cluster.name, findings, streams: 0, objects: 0 }
  } finally {
    await connection?.close()
  }
}

function versionFinding(about: string, version: string, server: string): Finding {
  const minor = Number(/^v?1\.(\d+)/.exec(version)?.[1])
  const message = `${version} at ${server}`
  if (minor < oldestMinor)
    return {
      level: 'warning',
      about,
      message: `${message} is not supported: it sends no bookmarks`,
      fix: `upgrade it to 1.${oldestMinor} or newer`,
    }
  const newer = minor > newestTestedMinor ? `, newer than the newest that is tested, 1.${newestTestedMinor}` : ''
  return { level: 'ok', about, message: `${message}${newer}` }
}

/** Selectors make the API server count less exactly; so may what it does not answer. */
async function countOf(api: Connection, query: Query, signal: AbortSignal): Promise<number> {
  const parameters = selectorsOf(query)
  parameters.set('limit', '1')
  const bytes = await api.get(`${pathOf(query)}?${parameters}`, signal)
  const { items, metadata } = JSON.parse(bytes.toString('utf8'))
  if (!Array.isArray(items))
    throw new SyntaxError(`no list of ${apiVersionOf(query.resource)}/${query.kind} was answered`)
  return items.length + Number(metadata?.remainingItemCount ?? 0)
}

function fixOf(reason: string): string {
  if (reason === 'Unauthorized') return 'renew the credentials in its kubeconfig'
  if (reason === 'BadKubeconfig') return 'correct clusters in the configuration'
  return 'see that it runs and that this machine reaches it'
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
