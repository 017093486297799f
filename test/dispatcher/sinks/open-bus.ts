import { onTestFinished, vi } from 'vitest'
import type { EventBridgeSettings } from '../../../core/config/settings.ts'
import { type CheckableTarget, type EventTargetOptions, eventTarget } from '../../../dispatcher/sinks/event-target.ts'
import { type EventBridgeOptions, eventBridgeSink } from '../../../dispatcher/sinks/eventbridge.ts'
import { type Bus, type BusOptions, startBus } from '../../../infra/playground/bus.ts'

/** Credentials and region as a process has them, and no others: not the developer's, not an instance's. */
export function stubAws(): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AWS_REGION', 'eu-west-1')
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null')
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  onTestFinished(() => void vi.unstubAllEnvs())
}

/** A bus named k8s over real HTTP, and the sink that sends to it. Both end with the test. */
export async function openBus(
  busOptions: BusOptions = {},
  options: EventBridgeOptions & EventTargetOptions = {},
  settings: Partial<EventBridgeSettings> = {},
): Promise<{ bus: Bus; target: CheckableTarget }> {
  stubAws()
  const bus = await startBus({ buses: ['k8s'], ...busOptions })
  const target = busTarget({ bus: 'k8s', endpoint: bus.url, ...settings }, options)
  onTestFinished(() => bus.close())
  return { bus, target }
}

export function busTarget(
  settings: EventBridgeSettings,
  options: EventBridgeOptions & EventTargetOptions = {},
): CheckableTarget {
  const target = eventTarget(eventBridgeSink(settings, options), options)
  onTestFinished(() => target.close())
  return target
}
