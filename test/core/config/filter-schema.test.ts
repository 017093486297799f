import { describe, expect, test } from 'vitest'
import { checkFilter } from '../../../core/config/filter-schema.ts'
import { on } from '../../../core/on.ts'

function faultsOf(filter: object): string[] {
  const checked = checkFilter({ gvk: ['v1/Pod'], ...filter })
  return 'faults' in checked ? checked.faults.map(({ path, message }) => `${path}: ${message}`) : []
}

describe('the filter of a function', () => {
  test('comes back as it was given when nothing is wrong with it', () => {
    const { trigger } = on(
      ['apps/v1/Deployment', 'v1/Node'],
      {
        types: ['Updated', 'Deleted'],
        clusters: ['prod-*', '!prod-test'],
        clusterSelector: 'env in (prod, staging),!canary',
        namespaces: ['shop'],
        names: ['web-*'],
        labelSelector: 'app.kubernetes.io/name=web,tier!=db',
        fieldSelector: 'metadata.name=a\\,b,status.phase!=Running',
        changed: ['spec', "metadata.labels['app.kubernetes.io/version']", 'status.conditions[type=Ready].status'],
        ignore: ['metadata.annotations'],
        old: true,
        from: 'existing',
        name: 'pinned',
        delivery: { attempts: 5, backoff: { initialSeconds: 1 }, rate: { perSecond: 0.5 } },
      },
      () => {},
    )
    expect(checkFilter(trigger)).toEqual({ filter: trigger })
  })

  test('is told every fault at once, each by its path', () => {
    const faults = faultsOf({
      gvk: ['apps/v1/deployments', 'v1/Pod', 'Pod', 'apps/Deployment'],
      types: ['Modified'],
      clusters: 'prod',
      changed: ['spec.replicas', 'spec.containers[0].image'],
      labelSelector: 'app=web=db',
      fieldSelector: 'spec.nodeName',
      delivery: { attempts: 0, backoff: { initialSeconds: 9, maxSeconds: 3 }, timeout: 5 },
    })
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(':')))).toEqual([
      'gvk[0]',
      'gvk[2]',
      'gvk[3]',
      'types[0]',
      'clusters',
      'labelSelector',
      'fieldSelector',
      'changed[1]',
      'delivery.attempts',
      'delivery.timeout',
      'delivery.backoff',
    ])
  })

  test('is offered the key that it may have meant', () => {
    expect(faultsOf({ namespace: ['shop'] })).toEqual(['namespace: unknown key (did you mean namespaces?): remove it'])
    expect(faultsOf({ delivery: { timeoutSecond: 1 } })).toEqual([
      'delivery.timeoutSecond: unknown key (did you mean timeoutSeconds?): remove it',
    ])
    expect(faultsOf({ types: ['Addded'] })).toEqual([
      'types[0]: must be one of Added, Updated, Deleted (did you mean Added?)',
    ])
  })

  test.each(['access', 'isolation', 'to'])('is told that %s is not supported yet', (key) => {
    expect(faultsOf({ [key]: true })).toEqual([`${key}: is not supported yet: remove it`])
  })

  test.each(['coalesce', 'backlog'])('is told that delivery.%s is not supported yet', (key) => {
    expect(faultsOf({ delivery: { [key]: 'none' } })).toEqual([`delivery.${key}: is not supported yet: remove it`])
  })

  test.each(['*', 'apps/*', 'v1/*', 'apps/v1/*', 'example.com/v1beta1/*'])('may say %s', (gvk) => {
    expect(faultsOf({ gvk: [gvk] })).toEqual([])
  })

  test.each(['/*', 'Apps/*', 'apps/v1/v2/*', 'apps/beta/*'])('may not say %s', (gvk) => {
    expect(faultsOf({ gvk: [gvk] })).toEqual([expect.stringMatching(/write '\*' for everything/)])
  })

  test.each(['Upper', 'a_b', '', 'x'.repeat(64)])('may not be named %j', (name) => {
    expect(faultsOf({ name })).toHaveLength(1)
  })

  test('must be there', () => {
    expect(checkFilter(undefined)).toHaveProperty('faults')
    expect(checkFilter({})).toEqual({
      faults: [{ path: 'gvk', message: expect.stringContaining('apps/v1/Deployment') }],
    })
  })
})
