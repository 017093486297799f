import { on } from 'deltabridge'

/** Every change of a deployment or a config map in the shop, in every cluster. */
export default on(['apps/v1/Deployment', 'v1/ConfigMap'], { namespaces: ['shop'] }, (delta, { log }) => {
  log.info({ type: delta.type }, 'seen')
})
