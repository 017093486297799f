import type { Redis } from 'ioredis'
import type { Finding } from './core/finding.ts'
import { installationKeys, layoutVersion } from './core/redis/keys.ts'
import { NewerLayout } from './core/redis/layout.ts'

const about = 'redis'

/** The oldest that everything is tested with. */
const oldest = [7, 0] as const
/** Above this, little is left for what comes when a target is down. */
const fullFrom = 0.75

/** Whether this Redis keeps what is put into it. Reads only. */
export async function checkRedis(redis: Redis, prefix: string): Promise<readonly Finding[]> {
  const info = fieldsOf(await redis.info())
  const layout = await redis.get(installationKeys(prefix).layout)
  const findings = [versionFinding(info), policyFinding(info), persistenceFinding(info), memoryFinding(info)]
  const newer = layout !== null && !(Number(layout) <= layoutVersion)
  return newer
    ? [...findings, { level: 'error', about, message: new NewerLayout(layout, layoutVersion).message }]
    : findings
}

type Info = ReadonlyMap<string, string>

function fieldsOf(info: string): Info {
  return new Map(info.split(/\r?\n/).flatMap((line) => (/^\w+:/.test(line) ? [line.split(/:(.*)/s) as never] : [])))
}

function versionFinding(info: Info): Finding {
  const version = info.get('redis_version') ?? 'unknown'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const old = major < oldest[0] || (major === oldest[0] && minor < oldest[1])
  if (!old) return { level: 'ok', about, message: `version ${version}` }
  return { level: 'error', about, message: `version ${version} is too old`, fix: `run ${oldest.join('.')} or newer` }
}

function policyFinding(info: Info): Finding {
  const policy = info.get('maxmemory_policy') ?? 'noeviction'
  if (policy === 'noeviction') return { level: 'ok', about, message: 'evicts nothing' }
  const message = `maxmemory-policy is ${policy}: when it is full, it throws away what waits`
  return { level: 'error', about, message, fix: 'set maxmemory-policy to noeviction' }
}

function persistenceFinding(info: Info): Finding {
  if (info.get('aof_enabled') === '1') return { level: 'ok', about, message: 'keeps what it holds (appendonly)' }
  const message = 'appendonly is off: what was put into it lately is lost when it ends'
  return { level: 'warning', about, message, fix: 'set appendonly to yes' }
}

function memoryFinding(info: Info): Finding {
  const [used, most] = ['used_memory', 'maxmemory'].map((field) => Number(info.get(field) ?? 0)) as [number, number]
  if (most === 0) {
    const message = `holds ${mebibytes(used)}; maxmemory is not set, so that the machine's memory is the limit`
    return { level: 'warning', about, message, fix: 'set maxmemory' }
  }
  const message = `holds ${mebibytes(used)} of ${mebibytes(most)}`
  if (used / most < fullFrom) return { level: 'ok', about, message }
  return { level: 'warning', about, message, fix: 'raise maxmemory, or see in deltabridge status what waits' }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`
}
