import { expect, onTestFinished, test, vi } from 'vitest'
import { loadSettings } from '../../core/config/load.ts'
import { silentLog } from '../../core/log.ts'
import { startRedisServer } from '../../infra/playground/redis-server.ts'
import { startWatcher } from '../../watcher/watcher.ts'

test('a watcher closes in time although Redis answers nothing more, on a connection that stands', async () => {
  await using server = await startRedisServer()
  const env = { DELTABRIDGE_REDIS_URL: server.url, KUBECONFIG: '/nowhere' }
  const settings = { ...loadSettings({ cwd: '/', env }), drainSeconds: 1 }
  const watcher = await startWatcher(settings, silentLog)
  onTestFinished(() => watcher.close())
  await vi.waitFor(async () => expect(await watcher.problems()).toEqual([]))
  process.kill(-server.pid, 'SIGSTOP')
  const from = performance.now()
  await watcher.close()
  process.kill(-server.pid, 'SIGCONT')
  expect(performance.now() - from).toBeLessThan(6_000)
})
