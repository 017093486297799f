import { onTestFinished } from 'vitest'
import { type ClusterOptions, type PlaygroundCluster, startCluster } from '../../infra/playground/cluster.ts'

export const configMaps = '/api/v1/namespaces/default/configmaps'

export interface Anything {
  kind: string
  apiVersion: string
  metadata: Record<string, unknown> & { name: string; uid: string; resourceVersion: string; continue: string }
  items: Anything[]
  [field: string]: unknown
}

/** It closes with the test. */
export async function openCluster(options: Partial<ClusterOptions> = {}): Promise<PlaygroundCluster> {
  const cluster = await startCluster({ name: 'first', ...options })
  onTestFinished(() => cluster.close())
  return cluster
}

export async function putConfigMap(cluster: PlaygroundCluster, name: string, more: object = {}): Promise<Anything> {
  const body = { metadata: { name, ...more }, data: { x: '1' } }
  return (await cluster.request<Anything>('POST', configMaps, body)).body
}

export async function get(cluster: PlaygroundCluster, path: string, headers: Record<string, string> = {}) {
  const authorization = `Bearer ${cluster.token}`
  const response = await fetch(`${cluster.url}${path}`, { headers: { authorization, ...headers } })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { status: response.status, headers: response.headers, body: isJson && text ? JSON.parse(text) : text }
}

export interface Frame {
  type: string
  object: Anything & { code?: number }
}

/** The frames of a watch as they come; `ended` tells how it ended once it did. */
export function openWatch(cluster: PlaygroundCluster, path: string, headers: Record<string, string> = {}) {
  const frames: Frame[] = []
  const lines: string[] = []
  const watch: { frames: Frame[]; lines: string[]; ended?: 'cleanly' | 'broken' } = { frames, lines }
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const read = async () => {
    const authorization = `Bearer ${cluster.token}`
    const url = `${cluster.url}${path}${path.includes('?') ? '&' : '?'}watch=true`
    const response = await fetch(url, { headers: { authorization, ...headers }, signal: stop.signal })
    let rest = ''
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + part).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts) {
        lines.push(line)
        frames.push(JSON.parse(line))
      }
    }
  }
  read().then(
    () => {
      watch.ended = 'cleanly'
    },
    () => {
      watch.ended = 'broken'
    },
  )
  return watch
}
