import { on } from 'deltabridge'

/** Says when a Deployment was scaled, and from what to what. */
export default on('apps/v1/Deployment', { changed: ['spec.replicas'] }, (delta, { log }) => {
  log.info({ from: delta.old.spec?.replicas, to: delta.object.spec?.replicas }, 'Deployment scaled')
})
