import type { DeltaType } from '../delta.ts'
import type { LogLevel } from '../log.ts'
import type { RedisSettings } from '../redis/connection.ts'

/** The whole configuration, checked, with every default filled in and every path absolute. */
export interface Settings {
  /** The file it came from; undefined when there is none. */
  readonly file: string | undefined
  readonly redis: RedisSettings
  readonly clusters: readonly ClusterSettings[]
  /** The folder whose kubeconfigs are among the clusters. */
  readonly clustersFrom?: string
  /** The folder of function modules; undefined when it was not configured and `./functions` is not there. */
  readonly functions: string | undefined
  readonly sinks: readonly SinkSettings[]
  /** What goes to sinks; functions carry their own. */
  readonly triggers: readonly SinkTrigger[]
  readonly delivery: DeliverySettings
  readonly listen: { readonly host: string; readonly port: number } | 'off'
  readonly log: { readonly level: LogLevel }
  /** How long a withdrawn trigger's deltas are kept. */
  readonly orphanSeconds: number
  /** How long is kept what is known of a cluster that nobody configures any more. */
  readonly forgetAfterDays: number
  /** How long, and how many of each trigger, are kept of what could not be delivered. */
  readonly deadLetters: { readonly maxAgeDays: number; readonly maxCount: number }
  /** How long a stop waits for what is in flight. */
  readonly drainSeconds: number
  /** Whether one cluster that is down makes /readyz fail. */
  readonly readiness: 'any' | 'all'
}

export interface ClusterSettings {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly access: ClusterAccess
}

/** Where a cluster's credentials come from. Without kubeconfig and inCluster: kubectl's own loading rules. */
export interface ClusterAccess {
  readonly kubeconfig?: string
  readonly context?: string
  readonly inCluster?: boolean
}

export type SinkSettings =
  | { readonly name: string; readonly eventbridge: EventBridgeSettings; readonly http?: undefined }
  | { readonly name: string; readonly http: HttpSettings; readonly eventbridge?: undefined }

/** What every sink can be told. */
export interface EventSettings {
  /** In the form that Knative's ApiServerSource sends. */
  readonly compat?: 'knative' | undefined
  readonly claimCheck?: ClaimCheckSettings | undefined
}

export interface EventBridgeSettings extends EventSettings {
  /** Name or ARN. */
  readonly bus: string
  /** Else the ARN's, else as AWS finds it: AWS_REGION, the profile. */
  readonly region?: string | undefined
  /** For emulators and VPC endpoints. */
  readonly endpoint?: string | undefined
}

export interface HttpSettings extends EventSettings {
  readonly url: string
  /** Default binary. */
  readonly mode?: 'binary' | 'structured' | 'batched' | undefined
  /** Events of one request, in the mode batched. Default 100. */
  readonly batch?: number | undefined
  /** Of one request. Default 1,000,000. */
  readonly maxBytes?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Signs as standardwebhooks.com has it; a key a line. */
  readonly signingKeyFile?: string | undefined
  /** Asks the receiver's leave to send in this name, by the handshake of CloudEvents' webhooks. */
  readonly origin?: string | undefined
  /** Addresses and networks of this machine and its network's own services that are meant all the same. */
  readonly allowAddresses?: readonly string[] | undefined
  readonly tls?: { readonly caFile?: string | undefined } | undefined
}

/** Where data goes that is too large for an event. */
export interface ClaimCheckSettings {
  readonly bucket: string
  /** Before each key, as it is: `deltas/`. */
  readonly prefix?: string | undefined
  /** Else as AWS finds it. */
  readonly region?: string | undefined
  /** For other stores that speak S3. */
  readonly endpoint?: string | undefined
}

/** Delivery settings as people write them; what is not given comes from the level above. */
export interface DeliverySettings {
  /** The first one counts; null: no limit but age. Undefined: 20 for functions, no limit for sinks. */
  readonly attempts?: number | null | undefined
  readonly backoff?:
    | { readonly initialSeconds?: number | undefined; readonly maxSeconds?: number | undefined }
    | undefined
  readonly maxAgeSeconds?: number | undefined
  readonly timeoutSeconds?: number | undefined
  /** Undefined: 16 for functions, 200 for sinks, so that batches fill. */
  readonly concurrency?: number | undefined
  readonly rate?: { readonly perSecond: number; readonly burst?: number | undefined } | undefined
}

export interface SinkTrigger {
  readonly name: string
  readonly gvk: readonly string[]
  readonly types?: readonly DeltaType[] | undefined
  readonly clusters?: readonly string[] | undefined
  readonly clusterSelector?: string | undefined
  readonly namespaces?: readonly string[] | undefined
  readonly names?: readonly string[] | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly changed?: readonly string[] | undefined
  readonly ignore?: readonly string[] | undefined
  readonly old?: boolean | undefined
  readonly metadataOnly?: boolean | undefined
  readonly from?: 'now' | 'existing' | undefined
  /** The sink's name. */
  readonly to: string
  readonly delivery: DeliverySettings
}
