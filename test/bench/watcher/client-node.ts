import { setTimeout as sleep } from 'node:timers/promises'
import { CoreV1Api, KubeConfig, Watch } from '@kubernetes/client-node'
import { serve } from '../remote.ts'
import { Gauge } from './gauge.ts'

const gauge = new Gauge()
const config = new KubeConfig()
let seen = 0

const answers = serve({
  prepare: (kubeconfig: string) => config.loadFromFile(kubeconfig),
  /** As its own ListWatch does, but page by page; what is listed is kept, as its informer keeps it. */
  async list() {
    gauge.start()
    const api = config.makeApiClient(CoreV1Api)
    const kept = new Map<string, object>()
    let next: string | undefined
    do {
      const page = await api.listPodForAllNamespaces({ limit: 500, ...(next !== undefined && { _continue: next }) })
      for (const pod of page.items) kept.set(pod.metadata!.uid!, pod)
      next = page.metadata?._continue
    } while (next)
    return { ...gauge.read(), objects: kept.size }
  },
  async watch() {
    await new Watch(config).watch(
      '/api/v1/pods',
      { allowWatchBookmarks: true },
      () => {
        seen++
      },
      () => {},
    )
  },
  startGauge: () => gauge.start(),
  async seen(count: number) {
    while (seen < count) await sleep(5)
    return gauge.read()
  },
})

/** The client library's own watch and list, in a process of their own. */
export type ClientNodeProcess = typeof answers
