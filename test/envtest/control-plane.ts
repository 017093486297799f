/** A real Kubernetes API server with its own etcd, without nodes and controllers: nothing is garbage-collected or run. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request as send } from 'undici'
import { stringify } from 'yaml'
import { envtestAssets } from './build.ts'
import { type Server, startServer, startWatchdog } from './server.ts'

export interface ControlPlaneOptions {
  /** Name of the cluster, context and users in the kubeconfig. @default 'envtest' */
  name?: string
  /** Users who may sign in and have no RBAC rule; give them some with `request`. @default ['limited'] */
  users?: string[]
}

export interface ControlPlane extends AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly adminToken: string
  /** PEM of the serving certificate and the authority that signed it. */
  readonly certificateAuthority: string
  /** YAML of a kubeconfig for the administrator. */
  kubeconfig(): string
  /** YAML of a kubeconfig for one of the `users`. */
  kubeconfigFor(user: string): string
  /** As administrator. A PATCH is a JSON merge patch. */
  request<Body = unknown>(method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }>
  /** Compacts etcd up to its current revision. The API server's watch cache still answers from memory until restarted. */
  compact(): Promise<void>
  /** Same port, same data, same certificate. Also starts one that was stopped. */
  restartApiServer(): Promise<void>
  stopApiServer(): Promise<void>
  close(): Promise<void>
}

export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { name = 'envtest', users = ['limited'] } = options
  const assets = await envtestAssets()
  if ('skipped' in assets) throw new Error(assets.skipped)

  const dir = await mkdtemp(join(tmpdir(), 'deltabridge-envtest-'))
  const watchdog = startWatchdog(dir)
  const [etcdPort, apiPort] = await freePorts(2)
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const url = `https://127.0.0.1:${apiPort}`
  const adminToken = randomBytes(16).toString('hex')
  const tokens = new Map(users.map((user) => [user, randomBytes(16).toString('hex')]))
  await writeCredentials(dir, adminToken, tokens)

  let etcd: Server | undefined
  let apiServer: Server | undefined
  let agent: Agent | undefined
  let certificateAuthority = ''

  async function request<Body>(method: string, path: string, body?: unknown) {
    if (!agent) throw new Error('The API server is stopped')
    const response = await send(`${url}${path}`, {
      method,
      dispatcher: agent,
      headers: {
        authorization: `Bearer ${adminToken}`,
        accept: 'application/json',
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await response.body.text()
    const isJson = String(response.headers['content-type']).startsWith('application/json')
    return { status: response.statusCode, body: (isJson ? JSON.parse(text) : text) as Body }
  }

  async function startApiServer(): Promise<void> {
    apiServer = startServer(dir, assetsDir, 'kube-apiserver', apiServerArgs(dir, etcdUrl, apiPort))
    await apiServer.untilReady(async () => {
      // The server makes its certificate before it listens, and keeps it over a restart.
      certificateAuthority ||= await readFile(join(dir, 'certs/apiserver.crt'), 'utf8')
      agent ??= new Agent({ connect: { ca: certificateAuthority } })
      // The namespace comes a little later than readiness.
      const paths = ['/readyz', '/api/v1/namespaces/default']
      const answers = await Promise.all(paths.map((path) => request('GET', path)))
      return answers.every((answer) => answer.status === 200)
    })
  }

  async function stopApiServer(): Promise<void> {
    await apiServer?.terminate()
    await agent?.destroy()
    apiServer = agent = undefined
  }

  async function close(): Promise<void> {
    await Promise.all([apiServer?.kill(), etcd?.kill(), agent?.destroy()])
    apiServer = etcd = agent = undefined
    await watchdog.dismiss()
    await rm(dir, { recursive: true, force: true })
  }

  function kubeconfigOf(user: string, token: string): string {
    const cluster = {
      server: url,
      'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64'),
    }
    const userName = `${name}-${user}`
    return stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster }],
      users: [{ name: userName, user: { token } }],
      contexts: [{ name, context: { cluster: name, user: userName } }],
    })
  }

  const assetsDir = assets.dir
  try {
    etcd = startServer(dir, assetsDir, 'etcd', etcdArgs(dir, etcdUrl))
    await etcd.untilReady(async () => (await fetch(`${etcdUrl}/readyz`)).ok)
    await startApiServer()
  } catch (error) {
    await close()
    throw error
  }

  return {
    name,
    url,
    adminToken,
    certificateAuthority,
    kubeconfig: () => kubeconfigOf('admin', adminToken),
    kubeconfigFor(user) {
      const token = tokens.get(user)
      if (!token) throw new Error(`No user ${user}; name it in the option users`)
      return kubeconfigOf(user, token)
    },
    request,
    compact: () => compact(etcdUrl),
    async restartApiServer() {
      await stopApiServer()
      await startApiServer()
    },
    stopApiServer,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function etcdArgs(dir: string, etcdUrl: string): string[] {
  return [
    `--data-dir=${dir}/etcd`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    '--unsafe-no-fsync',
  ]
}

function apiServerArgs(dir: string, etcdUrl: string, port: number | undefined): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    '--etcd-compaction-interval=0', // only `compact` does
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1', // else it looks for a network interface, and fails without one
    '--endpoint-reconciler-type=none', // else it would write that address into an Endpoints object, which refuses it
    `--secure-port=${port}`,
    `--cert-dir=${dir}/certs`,
    `--token-auth-file=${dir}/tokens.csv`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${dir}/sa.key`,
    `--service-account-key-file=${dir}/sa.key`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    '--disable-admission-plugins=ServiceAccount', // else no pod without the controller that makes service accounts
  ]
}

async function writeCredentials(dir: string, adminToken: string, tokens: Map<string, string>): Promise<void> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const lines = [...tokens].map(([user, token]) => `${token},${user},${user}-uid`)
  const admin = `${adminToken},admin,admin-uid,system:masters`
  await writeFile(join(dir, 'sa.key'), privateKey.export({ type: 'sec1', format: 'pem' }))
  await writeFile(join(dir, 'tokens.csv'), [admin, ...lines, ''].join('\n'))
}

/** Through etcd's JSON gateway, in which bytes are base64 and 64-bit numbers are strings. */
async function compact(etcdUrl: string): Promise<void> {
  const post = async <Body>(path: string, body: object): Promise<Body> => {
    const response = await fetch(`${etcdUrl}${path}`, { method: 'POST', body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`etcd ${path} answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as Body
  }
  const anyKey = Buffer.from('/').toString('base64')
  const { header } = await post<{ header: { revision: string } }>('/v3/kv/range', { key: anyKey })
  await post('/v3/kv/compaction', { revision: header.revision, physical: true })
}

/** Held open together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}
