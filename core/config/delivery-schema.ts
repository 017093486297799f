import { z } from 'zod'
import { keyed, notYet } from './fault.ts'
import { longestTimerSeconds } from './timer.ts'

const seconds = z.number().positive()
const ofTimer = seconds.max(longestTimerSeconds)

const fields = {
  attempts: z
    .int()
    .min(1)
    .nullable()
    .optional()
    .meta({ description: 'The first one counts; null: no limit but age. Default 20 for functions, null for sinks.' }),
  backoff: keyed({ initialSeconds: seconds.optional(), maxSeconds: seconds.optional() }).optional(),
  maxAgeSeconds: seconds.optional().meta({ description: 'From the first failed attempt; then a dead letter.' }),
  timeoutSeconds: ofTimer.optional().meta({ description: 'Of one attempt.' }),
  concurrency: z.int().min(1).optional().meta({
    description: 'Deliveries of one trigger at once, over all dispatchers. Default 16 for functions, 200 for sinks.',
  }),
  rate: keyed({ perSecond: z.number().positive(), burst: z.int().min(1).optional() })
    .optional()
    .meta({ description: 'Default none.' }),
  coalesce: notYet(),
  backlog: notYet(),
}

/** The delivery of one trigger: what is not given comes from the defaults of the file. */
export const delivery = keyed(fields).refine(backoffGrows, {
  path: ['backoff'],
  message: 'initialSeconds is more than maxSeconds: make it less',
  when: () => true,
})

/** The defaults of every trigger. How many attempts and how much at once depends on the target: see `policy.ts` of the dispatcher. */
export const deliveryDefaults = keyed({
  ...fields,
  backoff: keyed({
    // The first retry comes soon, since most failures are over soon.
    initialSeconds: seconds.default(1),
    // Twenty attempts then span more than an hour, and a target that is back waits five minutes at the most.
    maxSeconds: seconds.default(300),
  }).prefault({}),
  // A day: a target that broke in the evening can be mended in the morning.
  maxAgeSeconds: seconds.default(86_400),
  // Under the drain of 25 s, so that what has begun when a stop is asked for can end.
  timeoutSeconds: ofTimer.default(20),
}).refine(backoffGrows, {
  path: ['backoff'],
  message: 'initialSeconds is more than maxSeconds: make it less',
  when: () => true,
})

function backoffGrows(value: { backoff?: { initialSeconds?: unknown; maxSeconds?: unknown } | undefined }): boolean {
  const { initialSeconds, maxSeconds } = value?.backoff ?? {}
  return !(typeof initialSeconds === 'number' && typeof maxSeconds === 'number' && initialSeconds > maxSeconds)
}
