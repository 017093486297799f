import type { SinkSettings } from '../../core/config/settings.ts'
import type { Log } from '../../core/log.ts'
import { s3ClaimCheck } from './claim-check.ts'
import { type CheckableTarget, type EventTargetOptions, eventTarget } from './event-target.ts'
import { knativeForm } from './knative.ts'

export interface OpenSinkOptions {
  readonly log: Log
  /** The sink wants nothing from us any more. */
  readonly onGone: (message: string) => void
}

/** The target that a sink's settings describe. What a kind of sink needs is loaded here, and only if there is one. */
export async function openSink(
  { eventbridge, http }: SinkSettings,
  { log, onGone }: OpenSinkOptions,
): Promise<CheckableTarget> {
  const common = ({ compat, claimCheck }: NonNullable<typeof eventbridge | typeof http>): EventTargetOptions => ({
    log,
    onGone,
    form: compat === 'knative' ? knativeForm : undefined,
    claimCheck: claimCheck && s3ClaimCheck(claimCheck),
  })
  if (http) {
    const { httpSink } = await import('./http.ts')
    return eventTarget(httpSink(http, { log }), common(http))
  }
  const { eventBridgeSink } = await import('./eventbridge.ts')
  return eventTarget(eventBridgeSink(eventbridge), common(eventbridge))
}
