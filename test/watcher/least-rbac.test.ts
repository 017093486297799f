import { expect, test } from 'vitest'
import { leastRbac } from '../../watcher/least-rbac.ts'
import type { Query } from '../../watcher/query.ts'

function query(group: string, resource: string, namespace = '', kind = ''): Query {
  const selectors = { labelSelector: '', fieldSelector: '' }
  return {
    clusterId: '',
    resource: { group, version: 'v1', resource },
    kind,
    namespaced: true,
    namespace,
    ...selectors,
    keepsOld: false,
    startsFor: '',
  }
}

const identity = { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] }
const account = { kind: 'ServiceAccount', namespace: 'deltabridge', name: 'deltabridge' } as const

test('what is watched everywhere is a cluster role, one rule per group, and never *', () => {
  const manifests = leastRbac([query('apps', 'deployments'), query('', 'pods'), query('', 'configmaps')], account)
  expect(manifests).toEqual([
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'deltabridge' },
      rules: [
        { apiGroups: [''], resources: ['configmaps', 'pods'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch'] },
        identity,
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'deltabridge' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'deltabridge' },
      subjects: [account],
    },
  ])
  expect(JSON.stringify(manifests)).not.toContain('*')
})

test('what is watched in named namespaces is a role in each, unless it is watched everywhere', () => {
  const manifests = leastRbac(
    [query('', 'secrets', 'shop'), query('', 'pods', 'shop'), query('', 'pods'), query('', 'secrets', 'bank')],
    account,
  ) as { kind: string; metadata: object; rules?: object }[]
  expect(manifests.map(({ kind, metadata, rules }) => ({ kind, metadata, ...(rules && { rules }) }))).toEqual([
    {
      kind: 'ClusterRole',
      metadata: { name: 'deltabridge' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }, identity],
    },
    { kind: 'ClusterRoleBinding', metadata: { name: 'deltabridge' } },
    ...['bank', 'shop'].flatMap((namespace) => [
      {
        kind: 'Role',
        metadata: { name: 'deltabridge', namespace },
        rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }],
      },
      { kind: 'RoleBinding', metadata: { name: 'deltabridge', namespace } },
    ]),
  ])
})

test('another subject is bound instead', () => {
  const [, binding] = leastRbac([query('', 'pods')], { kind: 'User', name: 'limited' })
  expect(binding).toMatchObject({
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'limited' }],
  })
})
