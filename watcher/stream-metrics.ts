import { Gauge, Registry } from 'prom-client'
import type { Cluster } from './cluster.ts'

/** What a watcher counts, in the words of Prometheus: the streams that it runs now. Labels never hold an object's name. */
export class StreamMetrics {
  readonly #registry = new Registry()

  constructor(clusters: () => readonly Cluster[]) {
    const registers = [this.#registry]
    const streams = () =>
      clusters().flatMap((cluster) =>
        (cluster.told()?.streams ?? []).map(({ gvk, status }) => ({ cluster: cluster.name, gvk, status })),
      )
    new Gauge({
      name: 'deltabridge_objects',
      help: 'Objects that the streams of this watcher know',
      labelNames: ['cluster', 'gvk'],
      registers,
      collect() {
        this.reset()
        for (const { cluster, gvk, status } of streams()) this.inc({ cluster, gvk }, status.objects)
      },
    })
    new Gauge({
      name: 'deltabridge_streams',
      help: 'Streams of this watcher, by their state',
      labelNames: ['cluster', 'state'],
      registers,
      collect() {
        this.reset()
        for (const { cluster, status } of streams()) this.inc({ cluster, state: status.state })
      },
    })
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }
}
