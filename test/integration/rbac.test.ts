import { expect, test } from 'vitest'
import { Bridge, playground } from '../support/bridge.ts'
import { deltabridge } from '../support/cli.ts'

test('rbac prints every rule in full, without anchors for a reader to follow', async () => {
  const cluster = await playground('first')
  const bridge = await Bridge.open({ clusters: { first: cluster.kubeconfig() } })
  await bridge.writeFunction('noted', { filter: {} })
  await bridge.writeFunction('deployed', { gvk: 'apps/v1/Deployment', filter: {} })
  const { code, out } = await deltabridge(bridge.folder, 'rbac')
  expect(code).toBe(0)
  expect(out.match(/verbs:\n\s+- get\n\s+- list\n\s+- watch\n/g)).toHaveLength(2)
  expect(out).not.toMatch(/[&*]a\d/)
})
