import { Gauge, Registry } from 'prom-client'
import type { Cluster } from './cluster.ts'

/** What a watcher counts, in the words of Prometheus: the streams that it runs now. Labels never hold an object's name. */
export class StreamMetrics {
  readonly #registry = new Registry()

  constructor(clusters: () => readonly Cluster[]) {
    const registers = [this.#registry]
    const objects = new Gauge({
      name: 'deltabridge_objects',
      help: 'Objects that the streams of this watcher know',
      labelNames: ['cluster', 'gvk'],
      registers,
    })
    new Gauge({
      name: 'deltabridge_streams',
      help: 'Streams of this watcher, by their state',
      labelNames: ['cluster', 'state'],
      registers,
      collect() {
        this.reset()
        objects.reset()
        for (const cluster of clusters()) {
          for (const { gvk, status } of cluster.told()?.streams ?? []) {
            this.inc({ cluster: cluster.name, state: status.state })
            objects.inc({ cluster: cluster.name, gvk }, status.objects)
          }
        }
      },
    })
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }
}
