import { on } from 'deltabridge'

/** Where images may come from; one that names no registry comes from Docker Hub. */
const allowed = ['registry.k8s.io', 'ghcr.io']

/** What an admission webhook would refuse, found after the fact: Pods whose images come from other registries. */
export default on(
  'v1/Pod',
  { types: ['Added', 'Updated'], namespaces: ['!kube-system'], from: 'existing' },
  (delta, { log }) => {
    const { containers = [], initContainers = [] } = delta.object.spec ?? {}
    const foreign = [...initContainers, ...containers]
      .map(({ image = '' }) => image)
      .filter((image) => !allowed.includes(registryOf(image)))
    if (foreign.length > 0) log.warn({ images: [...new Set(foreign)] }, 'Pod with images from other registries')
  },
)

/** As container runtimes read it: the part before the first slash, if it looks like a host. */
function registryOf(image: string): string {
  const [first = ''] = image.split('/')
  return image.includes('/') && /[.:]|^localhost$/.test(first) ? first : 'docker.io'
}
