import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freePort } from '../../infra/playground/redis-server.ts'
import { type Compose, composeProject, findCompose, inspectContainer } from '../support/compose.ts'

const found = await findCompose()
if ('skipped' in found) console.warn(found.skipped)

const deployments = '/apis/apps/v1/namespaces/shop/deployments'

interface BusEvents {
  events: { detail: { id: string; type: string; name: string; cluster: string; trigger: string } }[]
}

describe.skipIf('skipped' in found)('docker-compose.yml with the playground', { timeout: 240_000 }, () => {
  let compose: Compose
  const port = { eu: 0, us: 0, bus: 0 }

  beforeAll(async () => {
    if ('skipped' in found) return
    for (const name of ['eu', 'us', 'bus'] as const) port[name] = await freePort()
    compose = composeProject(found.command, `deltabridge-e2e-${process.pid}`, {
      PLAYGROUND_EU_PORT: String(port.eu),
      PLAYGROUND_US_PORT: String(port.us),
      PLAYGROUND_BUS_PORT: String(port.bus),
    })
    await compose('up', '-d', '--build')
  })
  afterAll(() => compose?.('down', '--volumes', '--timeout', '5'))

  test('everything becomes healthy without an edit', async () => {
    for (const service of ['redis', 'playground', 'watcher', 'dispatcher']) await healthy(service)
  })

  test('deltas of every cluster reach the functions and the event bus', async () => {
    await vi.waitFor(
      async () => {
        const { events } = await busEvents()
        const clusters = new Set(events.map(({ detail }) => detail.cluster))
        expect([...clusters].sort()).toEqual(['playground-eu', 'playground-us'])
        const log = await compose('logs', '--no-color', 'dispatcher')
        for (const cluster of clusters)
          expect(linesWith(log, `"cluster":"${cluster}"`, '"trigger":"scaled"')).not.toEqual([])
      },
      { timeout: 60_000, interval: 500 },
    )
  })

  test('its own containers run without privileges, and cannot write to what is mounted', async () => {
    for (const service of ['watcher', 'dispatcher', 'playground']) {
      const { HostConfig, Mounts, Config } = await inspect(service)
      expect(Config.User).toBe('1000:1000')
      expect(HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'] })
      expect(HostConfig.SecurityOpt).toContain('no-new-privileges:true')
      expect(Mounts.filter(({ RW }) => RW)).toEqual([])
    }
  })

  test('what happened while a killed watcher was away is delivered once it is back, and only that', async () => {
    await change('POST', deployments, deployment('kept'))
    await change('POST', deployments, deployment('doomed'))
    await delivered('kept added', 'doomed added')
    await compose('kill', 'watcher')
    await change('POST', deployments, deployment('missed'))
    await change('DELETE', `${deployments}/doomed`)
    await compose('up', '-d', 'watcher')
    await delivered('kept added', 'doomed added', 'missed added', 'doomed deleted')
  })

  test('both end by themselves within the grace period, and Redis keeps what they know', async () => {
    const services = ['dispatcher', 'watcher', 'redis']
    const ids = await Promise.all(services.map(idOf))
    await compose('stop', ...services)
    for (const id of ids) expect((await inspectContainer(id)).State).toMatchObject({ Running: false, ExitCode: 0 })
    await change('DELETE', `${deployments}/missed`)
    await compose('up', '-d')
    for (const service of services) await healthy(service)
    await delivered('kept added', 'doomed added', 'missed added', 'doomed deleted', 'missed deleted')
  })

  async function busEvents(): Promise<BusEvents> {
    return (await fetch(`http://127.0.0.1:${port.bus}/events`)).json() as Promise<BusEvents>
  }

  async function change(method: string, path: string, body?: object): Promise<void> {
    const headers = { authorization: 'Bearer playground', 'content-type': 'application/json' }
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
    const response = await fetch(`http://127.0.0.1:${port.eu}${path}`, init)
    expect(response.ok, await response.text()).toBe(true)
  }

  /** Waits until what the bus was told of the test's own objects is this, whatever the order between objects. */
  async function delivered(...expected: string[]): Promise<void> {
    await vi.waitFor(
      async () => {
        const ours = (await busEvents()).events
          .map(({ detail }) => ({ ...detail, what: `${detail.name} ${detail.type.split('.').at(-2)}` }))
          .filter(({ name }) => ['kept', 'missed', 'doomed'].includes(name))
        expect([...new Map(ours.map(({ id, what }) => [id, what])).values()].sort()).toEqual(expected.toSorted())
      },
      { timeout: 60_000, interval: 500 },
    )
  }

  async function idOf(service: string): Promise<string> {
    return (await compose('ps', '-q', service)).trim()
  }

  async function inspect(service: string) {
    return inspectContainer(await idOf(service))
  }

  async function healthy(service: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const { Health } = (await inspect(service)).State
        expect(Health?.Status, Health?.Log.at(-1)?.Output).toBe('healthy')
      },
      { timeout: 90_000, interval: 1_000 },
    )
  }
})

/** The lines that hold all of it. */
function linesWith(log: string, ...parts: string[]): string[] {
  return log.split('\n').filter((line) => parts.every((part) => line.includes(part)))
}

function deployment(name: string): object {
  const labels = { app: name }
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: 'main', image: `registry.example/${name}:1` }] },
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  }
}
