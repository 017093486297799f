import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { BadConfig } from '../../../core/config/fault.ts'
import { type LoadOptions, loadSettings } from '../../../core/config/load.ts'

let cwd: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'deltabridge-config-'))
  return () => rmSync(cwd, { recursive: true })
})

function load(yaml: string, options: Partial<LoadOptions> = {}) {
  writeFileSync(join(cwd, 'deltabridge.yaml'), yaml)
  return loadSettings({ env: {}, cwd, ...options })
}

function faultsOf(yaml: string, options: Partial<LoadOptions> = {}): string[] {
  try {
    load(yaml, options)
  } catch (error) {
    if (error instanceof BadConfig) return error.faults.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

describe('a configuration file', () => {
  test('becomes settings with every default filled in and every path absolute', () => {
    mkdirSync(join(cwd, 'functions'))
    writeFileSync(join(cwd, 'password'), 'secret')
    const settings = load(`
redis: { url: rediss://redis:6379, username: bridge, passwordFile: ./password, tls: {}, prefix: one }
clusters:
  prod-eu: { kubeconfig: ./kube/eu.yaml, context: eu, labels: { env: prod } }
  here: { inCluster: true }
sinks:
  audit: { eventbridge: { bus: k8s, region: eu-west-1, endpoint: 'http://127.0.0.1:4010' } }
triggers:
  deployments-to-audit:
    gvk: apps/v1/Deployment
    changed: [spec.replicas]
    to: audit
    delivery: { maxAgeSeconds: 3600 }
delivery: { backoff: { maxSeconds: 60 } }
`)
    expect(settings).toEqual({
      file: join(cwd, 'deltabridge.yaml'),
      redis: {
        url: 'rediss://redis:6379',
        username: 'bridge',
        passwordFile: join(cwd, 'password'),
        tls: {},
        prefix: 'one',
      },
      clusters: [
        { name: 'prod-eu', labels: { env: 'prod' }, access: { kubeconfig: join(cwd, 'kube/eu.yaml'), context: 'eu' } },
        { name: 'here', labels: {}, access: { inCluster: true } },
      ],
      functions: join(cwd, 'functions'),
      sinks: [{ name: 'audit', eventbridge: { bus: 'k8s', region: 'eu-west-1', endpoint: 'http://127.0.0.1:4010' } }],
      triggers: [
        {
          name: 'deployments-to-audit',
          gvk: ['apps/v1/Deployment'],
          changed: ['spec.replicas'],
          to: 'audit',
          delivery: { maxAgeSeconds: 3600 },
        },
      ],
      delivery: { backoff: { initialSeconds: 1, maxSeconds: 60 }, maxAgeSeconds: 86_400, timeoutSeconds: 20 },
      listen: { host: '127.0.0.1', port: 8080 },
      log: { level: 'info' },
      orphanSeconds: 3600,
      forgetAfterDays: 7,
      deadLetters: { maxAgeDays: 30, maxCount: 100_000 },
      drainSeconds: 25,
      readiness: 'any',
    })
  })

  test('that is empty is all defaults, without a cluster', () => {
    expect(load('')).toMatchObject({
      redis: { url: 'redis://127.0.0.1:6379', prefix: 'deltabridge' },
      clusters: [],
      functions: undefined,
    })
  })

  test('is told every fault at once, whatever the kind of fault', () => {
    const faults = faultsOf(`
redis: http://redis
clusters:
  both: { kubeconfig: x, inCluster: true, label: {} }
  'a/b': {}
sinks:
  nowhere: {}
  web: { http: { url: 'ftp://example.org', batch: 5, allowAddresses: [localhost] } }
  both: { http: { url: 'https://example.org' }, eventbridge: { bus: 'arn:aws:events:eu-west-1:1:event-bus/k8s', region: us-east-1 } }
triggers:
  Upper: { gvk: v1/Pod, to: nowhere }
  lost: { gvk: pods, to: nowere, changed: ['spec.'] }
delivery: { timeoutSeconds: 0 }
listen: '8080'
log: { level: inf }
`)
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(': ')))).toEqual([
      'redis',
      'clusters.both.label',
      'clusters.both',
      "clusters['a/b']",
      'sinks.nowhere',
      'sinks.web.http.url',
      'sinks.web.http.allowAddresses[0]',
      'sinks.web.http.batch',
      'sinks.both.eventbridge.region',
      'sinks.both',
      'triggers.Upper',
      'triggers.lost.gvk',
      'triggers.lost.changed[0]',
      'delivery.timeoutSeconds',
      'listen',
      'log.level',
      'triggers.lost.to',
    ])
    expect(faults.at(-1)).toContain('did you mean nowhere?')
  })

  test('refuses what no timer can wait for, and a fraction of a delivery', () => {
    expect(faultsOf('delivery: { timeoutSeconds: 99999999, concurrency: 1.5 }\ndrainSeconds: 99999999')).toEqual([
      'delivery.timeoutSeconds: must be at most 2147483',
      'delivery.concurrency: must be a whole number, not a fraction',
      'drainSeconds: must be at most 2147483',
    ])
  })

  test('refuses to keep no dead letters at all', () => {
    expect(load('deadLetters: { maxCount: 5 }').deadLetters).toEqual({ maxAgeDays: 30, maxCount: 5 })
    expect(faultsOf('deadLetters: { maxCount: 0, maxAgeDays: 0 }').map((fault) => fault.split(':')[0])).toEqual([
      'deadLetters.maxAgeDays',
      'deadLetters.maxCount',
    ])
  })

  test('names the file and the path in every line of what it prints', () => {
    const file = join(cwd, 'deltabridge.yaml')
    expect(() => load('readines: any\nlisten: 8080')).toThrow(
      `${file}: listen: must be text, not a number: put it in quotes\n` +
        `${file}: readines: unknown key (did you mean readiness?): remove it`,
    )
  })

  test.each(['redact', 'redactionKeyFile', 'console', 'maxEventBytes', 'memoryBudget', 'isolation'])(
    'is told that %s is not supported yet',
    (key) => {
      expect(faultsOf(`${key}: {}`)).toEqual([`${key}: is not supported yet: remove it`])
    },
  )

  test('is told of a sink whose key file is not there, and of a URL that holds a password without repeating it', () => {
    const faults = faultsOf(`sinks:
  a: { http: { url: 'https://example.org', signingKeyFile: ./none } }`)
    expect(faults).toEqual([`sinks.a.http.signingKeyFile: ${join(cwd, 'none')} cannot be read: there is no such file`])
    const [fault] = faultsOf(`sinks: { a: { http: { url: 'https://user:hunter2@example.org' } } }`)
    expect(fault).toMatch(/sinks.a.http.url: .*put them into headers/)
    expect(fault).not.toContain('hunter2')
  })

  test('is told syntax errors and repeated keys by line and column', () => {
    expect(faultsOf('redis: redis://a\nlisten: off\nredis: redis://b\n')).toEqual([
      'line 3, column 1: this key stands here twice: remove one of them',
    ])
    expect(faultsOf('clusters:\n  a: [1\n')[0]).toMatch(/^line \d, column \d: /)
  })

  test('is told a password file that cannot be read, by its whole path', () => {
    expect(faultsOf('redis: { passwordFile: ./nowhere }')).toEqual([
      `redis.passwordFile: ${join(cwd, 'nowhere')} cannot be read: there is no such file`,
    ])
  })

  test('never repeats a Redis URL, which may hold a password', () => {
    expect(faultsOf('redis: "http://user:hunter2@redis"').join()).not.toContain('hunter2')
  })

  test('that was asked for must be there', () => {
    expect(() => loadSettings({ file: 'other.yaml', env: {}, cwd })).toThrow(
      `${join(cwd, 'other.yaml')}: cannot be read: there is no such file`,
    )
  })
})

describe('a variable', () => {
  test('stands in any string, with a default for when it is unset or empty', () => {
    const yaml = `sinks: { audit: { eventbridge: { bus: "\${A}-\${B:-b}-\${C:-}", region: "$\${A}" } } }`
    expect(load(yaml, { env: { A: 'a', B: '' } }).sinks[0]).toMatchObject({
      eventbridge: { bus: 'a-b-', region: `\${A}` },
    })
  })

  test('that is not set is a fault by path, and the only one at that path', () => {
    const faults = faultsOf(`redis: \${REDIS}\ndrainSeconds: \${DRAIN}\nlisten: "\${1}"`)
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(': ')))).toEqual(['redis', 'drainSeconds', 'listen'])
    expect(faults[0]).toContain('REDIS is not set')
  })

  test('may be a number where the file wants one, and stays text where it wants text', () => {
    const settings = load(`drainSeconds: \${N}\nsinks: { audit: { eventbridge: { bus: "\${N}" } } }`, {
      env: { N: '7' },
    })
    expect(settings.drainSeconds).toBe(7)
    expect(settings.sinks[0]?.eventbridge?.bus).toBe('7')
    expect(faultsOf(`drainSeconds: \${N}`, { env: { N: 'x' } })).toEqual(['drainSeconds: must be a number, not text'])
  })
})

describe('outside the file', () => {
  test('the command line goes before the environment, and that before the file', () => {
    const env = { DELTABRIDGE_LISTEN: '0.0.0.0:2' }
    expect(load('listen: 127.0.0.1:1').listen).toEqual({ host: '127.0.0.1', port: 1 })
    expect(load('listen: 127.0.0.1:1', { env }).listen).toEqual({ host: '0.0.0.0', port: 2 })
    expect(load('listen: 127.0.0.1:1', { env, listen: '[::1]:3' }).listen).toEqual({ host: '::1', port: 3 })
    expect(load('', { listen: 'off', logLevel: 'debug' })).toMatchObject({ listen: 'off', log: { level: 'debug' } })
  })

  test('faults are told beside those of the file, and not as if they stood in it', () => {
    expect(() => load('x: 1', { listen: 'nowhere', logLevel: 'loud' })).toThrow(
      /deltabridge\.yaml: x: .*\n--listen: must be host:port.*\n--log-level: must be one of trace/,
    )
  })

  test('DELTABRIDGE_CONFIG names the file, and --config goes before it', () => {
    writeFileSync(join(cwd, 'a.yaml'), 'drainSeconds: 1')
    writeFileSync(join(cwd, 'b.yaml'), 'drainSeconds: 2')
    const env = { DELTABRIDGE_CONFIG: 'a.yaml' }
    expect(loadSettings({ env, cwd }).drainSeconds).toBe(1)
    expect(loadSettings({ env, cwd, file: 'b.yaml' }).drainSeconds).toBe(2)
  })
})

describe('without a file', () => {
  test("the kubeconfig's current context is the one cluster, named after it", () => {
    mkdirSync(join(cwd, '.kube'))
    const kubeconfig = join(cwd, '.kube', 'config')
    writeFileSync(kubeconfig, 'current-context: arn:aws:eks:eu:1:cluster/shop')
    mkdirSync(join(cwd, 'functions'))
    expect(loadSettings({ env: { HOME: cwd, DELTABRIDGE_REDIS_URL: 'redis://elsewhere' }, cwd })).toMatchObject({
      file: undefined,
      redis: { url: 'redis://elsewhere' },
      clusters: [
        {
          name: 'arn-aws-eks-eu-1-cluster-shop',
          access: { kubeconfig, context: 'arn:aws:eks:eu:1:cluster/shop' },
        },
      ],
      functions: join(cwd, 'functions'),
    })
  })

  test('of several files in KUBECONFIG, the first that has a current context decides', () => {
    writeFileSync(join(cwd, 'a'), 'users: []')
    writeFileSync(join(cwd, 'b'), 'current-context: kind-b')
    const { clusters } = loadSettings({ env: { KUBECONFIG: `${cwd}/a:${cwd}/none:${cwd}/b` }, cwd })
    expect(clusters).toEqual([{ name: 'kind-b', labels: {}, access: { context: 'kind-b' } }])
  })

  test('and without a kubeconfig there is no cluster', () => {
    expect(loadSettings({ env: { HOME: cwd }, cwd }).clusters).toEqual([])
  })
})
