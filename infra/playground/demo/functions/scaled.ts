import { on } from 'deltabridge'

/** Who was scaled, from what to what: nothing else of a deployment wakes this function. */
export default on('apps/v1/Deployment', { changed: ['spec.replicas'] }, (delta, { log }) => {
  log.info({ type: delta.type, from: delta.old.spec?.replicas, to: delta.object.spec?.replicas }, 'scaled')
})
