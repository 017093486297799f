import { setTimeout as sleep } from 'node:timers/promises'
import { type PlaygroundCluster, startCluster } from '../../../infra/playground/cluster.ts'
import { serve } from '../remote.ts'
import { now } from './stopwatch.ts'

const path = '/api/v1/namespaces/shop/configmaps'
/** About what a config map of 1 KB holds. */
const text = 'x'.repeat(800)
let cluster: PlaygroundCluster | undefined
let objects = 0

const answers = serve({
  async start(count: number) {
    objects = count
    cluster = await startCluster({ name: 'prod' })
    await cluster.request('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
    for (let i = 0; i < objects; i++)
      await cluster.request('POST', path, { metadata: { name: `settings-${i}` }, data: { at: '0', text } })
    return { kubeconfig: cluster.kubeconfig(), url: cluster.url, token: cluster.token }
  },
  /** Changes one object after the other, evenly spread over the time it takes; each says when it was written. */
  async write(count: number, perSecond: number) {
    const startedAt = now()
    for (let i = 0; i < count; i++) {
      const aheadMs = startedAt + (1_000 * i) / perSecond - now()
      if (aheadMs > 1) await sleep(aheadMs)
      await cluster!.request('PATCH', `${path}/settings-${i % objects}`, { data: { at: String(now()) } })
    }
  },
})

/** A playground cluster and whoever writes to it. */
export type ClusterProcess = typeof answers
