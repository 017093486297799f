import { type PodIdentity, PodText, podIdentity } from '../pod.ts'

export type ContenderName = 'deltabridge' | 'bullmq' | 'streams'

export interface Load {
  /** Of one object's JSON. */
  readonly bytes: number
  readonly objects: number
}

export interface Setup {
  readonly contender: ContenderName
  readonly load: Load
  readonly url: string
  readonly prefix: string
}

export interface Producer {
  /** Resolves when Redis has them all. */
  produce(pods: Iterable<Pod>): Promise<void>
  close(): Promise<void>
}

export interface Consumer {
  close(): Promise<void>
}

/** How one contender carries pods from one process to another. */
export interface Contender {
  openProducer(setup: Setup): Promise<Producer>
  /** `deliver` is told the object of each delta, parsed. */
  openConsumer(setup: Setup, deliver: (pod: ParsedPod) => void): Promise<Consumer>
}

export interface Pod {
  readonly identity: PodIdentity
  /** As an API server would send it. */
  readonly text: string
}

export interface ParsedPod {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string }
}

/** Changes of `load.objects` pods in turn, for ever. */
export function* podsOf({ bytes, objects }: Load): Generator<Pod, never> {
  const texts = new PodText(bytes, false)
  for (let i = 0; ; i++) {
    const identity = podIdentity(i % objects, i + 1)
    yield { identity, text: texts.of(identity) }
  }
}

/** The next `count` of them; the generator stays open. */
export function* take<T>(count: number, from: Generator<T, never>): Generator<T> {
  for (let i = 0; i < count; i++) yield from.next().value
}
