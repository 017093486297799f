import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { RedisSettings } from '../redis/connection.ts'
import { parseListen } from './listen.ts'
import type { ConfigFile } from './schema.ts'
import type { Settings, SinkSettings } from './settings.ts'

const defaultRedisUrl = 'redis://127.0.0.1:6379'
const defaultPrefix = 'deltabridge'

type Environment = Readonly<Record<string, string | undefined>>

/** The settings that a checked file stands for; its paths are relative to the folder `base`. */
export function settingsOf(config: ConfigFile, file: string | undefined, base: string, env: Environment): Settings {
  const usualFunctions = join(base, 'functions')
  return {
    file,
    redis: redisOf(config.redis, base, env),
    clusters: Object.entries(config.clusters).map(([name, { labels = {}, kubeconfig, ...access }]) => ({
      name,
      labels,
      access: { ...access, ...(kubeconfig !== undefined && { kubeconfig: resolve(base, kubeconfig) }) },
    })),
    ...(config.clustersFrom !== undefined && { clustersFrom: resolve(base, config.clustersFrom) }),
    functions:
      config.functions !== undefined
        ? resolve(base, config.functions)
        : isFolder(usualFunctions)
          ? usualFunctions
          : undefined,
    sinks: Object.entries(config.sinks).flatMap(([name, sink]) => sinkOf(name, sink, base)),
    triggers: Object.entries(config.triggers).map(([name, { delivery = {}, ...trigger }]) => ({
      name,
      ...trigger,
      delivery,
    })),
    delivery: config.delivery,
    listen: parseListen(config.listen),
    log: config.log,
    orphanSeconds: config.orphanSeconds,
    forgetAfterDays: config.forgetAfterDays,
    deadLetters: config.deadLetters,
    drainSeconds: config.drainSeconds,
    readiness: config.readiness,
  }
}

/** The schema has refused a sink that is of no kind. */
function sinkOf(name: string, { eventbridge, http }: ConfigFile['sinks'][string], base: string): SinkSettings[] {
  if (eventbridge) return [{ name, eventbridge: { ...eventbridge } }]
  if (!http) return []
  const { signingKeyFile, tls, ...rest } = http
  return [
    {
      name,
      http: {
        ...rest,
        ...(signingKeyFile !== undefined && { signingKeyFile: resolve(base, signingKeyFile) }),
        ...(tls && { tls: tls.caFile === undefined ? {} : { caFile: resolve(base, tls.caFile) } }),
      },
    },
  ]
}

function redisOf(redis: ConfigFile['redis'], base: string, env: Environment): RedisSettings {
  const { url, prefix, passwordFile, username, tls } = typeof redis === 'string' ? { url: redis } : (redis ?? {})
  return {
    url: url ?? (env.DELTABRIDGE_REDIS_URL || defaultRedisUrl),
    prefix: prefix ?? defaultPrefix,
    ...(username !== undefined && { username }),
    ...(passwordFile !== undefined && { passwordFile: resolve(base, passwordFile) }),
    ...(tls && { tls: tls.caFile === undefined ? {} : { caFile: resolve(base, tls.caFile) } }),
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
