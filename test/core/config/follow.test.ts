import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { followSettings } from '../../../core/config/follow.ts'
import { loadSettings } from '../../../core/config/load.ts'
import type { Settings } from '../../../core/config/settings.ts'

/** A configuration that is followed quickly, in a folder that goes with the test. */
function follow(text: string, files: readonly string[] = []) {
  const root = mkdtempSync(join(tmpdir(), 'deltabridge-follow-'))
  const write = (name: string, content: string) => writeFileSync(join(root, name), content)
  mkdirSync(join(root, 'clusters'))
  for (const file of files) write(join('clusters', file), 'kind: Config')
  write('deltabridge.yaml', text)
  const load = () => loadSettings({ env: {}, cwd: root })
  const told: Settings[] = []
  const refused: string[] = []
  const stop = new AbortController()
  const options = {
    load,
    changed: (settings: Settings) => void told.push(settings),
    refused: ({ message }: Error) => void refused.push(message),
    pollMs: 10,
    goneMs: 300,
  }
  const following = followSettings(load(), options, stop.signal)
  onTestFinished(async () => {
    stop.abort()
    await following
    rmSync(root, { recursive: true })
  })
  return { root, write, told, refused, names: () => told.at(-1)?.clusters.map(({ name }) => name) }
}

describe('a configuration file that is followed', () => {
  test('tells what it says once it was edited', async () => {
    const { write, told, names } = follow('clusters: { a: {} }')
    write('deltabridge.yaml', 'clusters: { a: {}, b: { labels: { env: prod } } }')
    await vi.waitFor(() => expect(names()).toEqual(['a', 'b']))
    expect(told).toHaveLength(1)
  })

  test('is refused with its faults after a bad edit, and told once it is mended', async () => {
    const { write, told, refused } = follow('clusters: { a: {} }')
    write('deltabridge.yaml', 'clusters: { a: {}, b: { kubeconfg: x } }')
    await vi.waitFor(() => expect(refused).toEqual([expect.stringMatching(/kubeconfg: unknown key.*kubeconfig/)]))
    expect(told).toEqual([])
    write('deltabridge.yaml', 'clusters: { c: {} }')
    await vi.waitFor(() => expect(told).toHaveLength(1))
    expect(refused).toHaveLength(1)
  })

  test('says nothing when it means the same as before', async () => {
    const { write, told, names } = follow('clusters: { a: {} }')
    write('deltabridge.yaml', '# a comment\nclusters: { a: {} }')
    write('deltabridge.yaml', '# a longer comment\nclusters: { a: {} }')
    await new Promise((resolve) => setImmediate(resolve))
    write('deltabridge.yaml', 'clusters: { b: {} }')
    await vi.waitFor(() => expect(names()).toEqual(['b']))
    expect(told).toHaveLength(1)
  })
})

describe('a folder of clusters', () => {
  test('holds a cluster for every kubeconfig, named after its file; dotfiles and ..data are none', async () => {
    const { write, names } = follow('clustersFrom: ./clusters', ['a.yaml', '.hidden.yaml', '..data', 'notes.md'])
    write(join('clusters', 'b.kubeconfig'), 'kind: Config')
    await vi.waitFor(() => expect(names()).toEqual(['a', 'b']))
  })

  test('loses a cluster only when its file stays away', async () => {
    const { root, told, names } = follow('clustersFrom: ./clusters', ['a.yaml', 'b.yaml'])
    const file = join(root, 'clusters', 'b.yaml')
    renameSync(file, join(root, 'b.yaml'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    renameSync(join(root, 'b.yaml'), file)
    renameSync(join(root, 'clusters', 'a.yaml'), join(root, 'a.yaml'))
    await vi.waitFor(() => expect(names()).toEqual(['b']))
    expect(told).toHaveLength(1)
  })

  test('keeps a cluster whose file was gone a moment, also when the configuration is edited meanwhile', async () => {
    const { root, write, told, names } = follow('clustersFrom: ./clusters', ['a.yaml', 'b.yaml'])
    rmSync(join(root, 'clusters', 'b.yaml'))
    write('deltabridge.yaml', 'clustersFrom: ./clusters\nreadiness: all')
    await vi.waitFor(() => expect(told.at(-1)?.readiness).toBe('all'))
    expect(names()).toEqual(['a', 'b'])
    await vi.waitFor(() => expect(names()).toEqual(['a']))
  })

  test('that goes away takes no cluster with it, and is told', async () => {
    const { root, write, told, refused, names } = follow('clustersFrom: ./clusters', ['a.yaml'])
    renameSync(join(root, 'clusters'), join(root, 'elsewhere'))
    write('deltabridge.yaml', 'clustersFrom: ./clusters\nclusters: { b: {} }')
    await vi.waitFor(() => expect(refused).toEqual([expect.stringMatching(/clustersFrom: .*there is no such file/)]))
    expect(told).toEqual([])
    renameSync(join(root, 'elsewhere'), join(root, 'clusters'))
    write('deltabridge.yaml', 'clustersFrom: ./clusters\nclusters: { c: {} }')
    await vi.waitFor(() => expect(names()).toEqual(['c', 'a']))
  })

  test('with two files for one cluster, or one for a cluster that is configured, is a fault by name', () => {
    const { root, write } = follow('clusters: { a: {} }', ['a.yaml', 'b.yml', 'b.yaml'])
    write('deltabridge.yaml', 'clusters: { a: {} }\nclustersFrom: ./clusters')
    const load = () => loadSettings({ env: {}, cwd: root })
    expect(load).toThrow(/b\.yml is the second file for the cluster b/)
    expect(load).toThrow(/clusters\.a: is also the name of .*a\.yaml, by clustersFrom: rename one of them/)
  })
})
