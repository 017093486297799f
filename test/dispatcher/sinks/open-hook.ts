import { onTestFinished } from 'vitest'
import type { HttpSettings } from '../../../core/config/settings.ts'
import { type CheckableTarget, type EventTargetOptions, eventTarget } from '../../../dispatcher/sinks/event-target.ts'
import { type HttpOptions, httpSink } from '../../../dispatcher/sinks/http.ts'
import { openReceiver, type Receiver } from './receiver.ts'

/** A webhook on this machine, and the sink that posts to it. Both end with the test. */
export async function openHook(
  settings: Partial<HttpSettings> = {},
  options: HttpOptions & EventTargetOptions = {},
): Promise<{ receiver: Receiver; target: CheckableTarget }> {
  const receiver = await openReceiver()
  return { receiver, target: hookTarget({ url: receiver.url, ...settings }, options) }
}

export function hookTarget(settings: HttpSettings, options: HttpOptions & EventTargetOptions = {}): CheckableTarget {
  const target = eventTarget(httpSink({ allowAddresses: ['127.0.0.0/8'], ...settings }, options), options)
  onTestFinished(() => target.close())
  return target
}
