import { channel } from 'node:diagnostics_channel'
import { on } from 'deltabridge'

const started = channel('deltabridge.bench.started')

/** Tells its process of each config map when its handler starts. */
export default on('v1/ConfigMap', { namespaces: ['shop'], types: ['Updated'] }, ({ object }) => {
  started.publish(object.data)
})
