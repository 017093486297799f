import { z } from 'zod'
import { deliveryDefaults } from './delivery-schema.ts'
import { keyed, notYet, readableBy } from './fault.ts'
import { filterFields, triggerName } from './filter-schema.ts'
import { parseListen } from './listen.ts'
import { sink } from './sink-schema.ts'
import { longestTimerSeconds } from './timer.ts'

const filePath = z.string().min(1)

const redisUrl = readableBy(checkRedisUrl)

const redis = z.union(
  [
    redisUrl,
    keyed({
      url: redisUrl.optional(),
      username: z.string().min(1).optional(),
      passwordFile: filePath.optional(),
      tls: keyed({ caFile: filePath.optional() }).optional(),
      prefix: z
        .string()
        // braces would be read as a hash tag of ours, and * and ? as patterns
        .regex(
          /^[A-Za-z0-9._-]+$/,
          'must be letters, digits, and . _ - : several installations on one Redis differ by it',
        )
        .optional(),
    }),
  ],
  { error: 'must be a Redis URL, or a mapping with url' },
)

const clusterName = z
  .string()
  // part of the source and the delivery ids of every delta, where / separates
  .regex(/^[A-Za-z0-9._-]{1,100}$/, 'the name of a cluster is letters, digits, and . _ - : rename it')

const cluster = keyed({
  kubeconfig: filePath.optional(),
  context: z.string().min(1).optional(),
  inCluster: z.boolean().optional(),
  labels: z.record(z.string(), z.string()).optional(),
})
  .refine((value) => !(value?.inCluster === true && (value.kubeconfig ?? value.context) !== undefined), {
    message: 'has inCluster beside kubeconfig or context: keep the one that is meant',
    when: () => true,
  })
  .meta({ description: "Without kubeconfig and inCluster: kubectl's own loading rules." })

const trigger = keyed({ ...filterFields, to: z.string().min(1).meta({ description: "The sink's name." }) })

const seconds = z.number().positive()

/** The file, as people write it. */
export const configFile = keyed({
  redis: redis.optional(),
  clusters: z.record(clusterName, cluster).default({}),
  clustersFrom: filePath
    .optional()
    .meta({ description: 'A folder: every kubeconfig in it is a cluster named after its file.' }),
  functions: filePath
    .optional()
    .meta({ description: 'The folder of function modules. Default ./functions if it is there.' }),
  sinks: z.record(triggerName, sink).default({}),
  triggers: z
    .record(triggerName, trigger)
    .default({})
    .meta({ description: 'What goes to sinks; functions carry their own.' }),
  delivery: deliveryDefaults.prefault({}),
  redact: notYet(),
  redactionKeyFile: notYet(),
  // Loopback: health tells names of clusters, which nobody outside asked for.
  listen: readableBy(parseListen).default('127.0.0.1:8080').meta({ description: 'host:port, or off.' }),
  console: notYet(),
  deadLetters: keyed({
    // A month: whoever comes back from a holiday can still replay them.
    maxAgeDays: z.number().positive().default(30),
    // At a few KiB each a few hundred MiB, and more than anybody looks through.
    maxCount: z.int().min(1).default(100_000).meta({ description: 'Of each trigger.' }),
  })
    .prefault({})
    .meta({ description: 'What could not be delivered is kept within these bounds; the oldest go first.' }),
  // An hour: longer than a deployment that goes wrong, shorter than Redis takes to fill up.
  orphanSeconds: seconds.default(3_600),
  // A week: longer than a holiday, and what comes back within it has missed nothing.
  forgetAfterDays: z
    .number()
    .positive()
    .default(7)
    .meta({ description: 'How long is kept what is known of a cluster that nobody configures any more.' }),
  maxEventBytes: notYet(),
  memoryBudget: notYet(),
  // One cluster that is down should not take a bridge to forty others out of service.
  readiness: z.enum(['any', 'all']).default('any'),
  isolation: notYet(),
  log: keyed({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  }).prefault({}),
  // Under the 30 s that Kubernetes and our compose file give before they kill.
  drainSeconds: z.number().min(0).max(longestTimerSeconds).default(25),
})

export type ConfigFile = z.output<typeof configFile>

/** For editors: what may be written, as JSON Schema. */
export function configJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(configFile, { io: 'input' })
  return { $schema, title: 'deltabridge.yaml', ...rest }
}

export function checkRedisUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  // The URL is not repeated: it may hold a password.
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '')
    throw new SyntaxError('must be a Redis URL: redis://127.0.0.1:6379, or rediss:// for TLS')
}
