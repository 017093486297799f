import { z } from 'zod'
import { parsePath } from '../changed.ts'
import { isWildcard } from '../filter.ts'
import type { Trigger } from '../on.ts'
import { delivery } from './delivery-schema.ts'
import { check, type Fault, keyed, notYet, readableBy } from './fault.ts'
import { checkFieldSelector, parseLabelSelector } from './selector.ts'
import type { DeliverySettings } from './settings.ts'

/** The names of triggers, functions and sinks: they stand in keys, metrics and the sources of events. */
export const triggerName = z
  .string()
  .regex(/^[a-z0-9-]{1,63}$/, 'a name is 1 to 63 lower-case letters, digits and dashes: rename it')

const globs = z.array(z.string().min(1))

const gvk = readableBy(checkGvk)
const gvks = z
  .union([gvk, z.array(gvk).min(1)], {
    error: 'must be a kind as apiVersion/Kind, e.g. apps/v1/Deployment, or a list of them',
  })
  .transform((one) => (typeof one === 'string' ? [one] : one))
  .meta({ description: 'One kind or a list, as apiVersion/Kind: v1/Pod, apps/v1/Deployment; or v1/*, apps/*, *.' })

/** What triggers in a file and functions have in common. */
export const filterFields = {
  gvk: gvks,
  types: z
    .array(z.enum(['Added', 'Updated', 'Deleted']))
    .min(1)
    .optional()
    .meta({ description: 'Default all; with `changed` or `ignore`: Updated alone.' }),
  clusters: globs.optional().meta({ description: "Globs over the clusters' names, ! excludes." }),
  clusterSelector: readableBy(parseLabelSelector)
    .optional()
    .meta({ description: "Over the clusters' labels: env=prod." }),
  namespaces: globs.optional().meta({ description: 'Globs, ! excludes.' }),
  names: globs.optional().meta({ description: 'Globs, ! excludes.' }),
  labelSelector: readableBy(parseLabelSelector).optional().meta({ description: "The server's own selector: app=web." }),
  fieldSelector: readableBy(checkFieldSelector)
    .optional()
    .meta({ description: "The server's own selector: spec.nodeName=n1." }),
  changed: z
    .array(readableBy(parsePath))
    .min(1)
    .optional()
    .meta({ description: 'Updated only when something at or under one of these paths changed.' }),
  ignore: z
    .array(readableBy(parsePath))
    .min(1)
    .optional()
    .meta({ description: 'Updated only when something outside these paths changed.' }),
  old: z.boolean().optional().meta({ description: 'Deliver the state before the change as well.' }),
  metadataOnly: z.boolean().optional().meta({
    description: 'Nothing of an object but its metadata: lighter for the API server, for Redis and for the target.',
  }),
  from: z
    .enum(['now', 'existing'])
    .optional()
    .meta({ description: 'Begin with what happens next (default now), or with the present objects as Added.' }),
  delivery: delivery.optional(),
}

const functionFilter = keyed({
  ...filterFields,
  name: triggerName.optional(),
  access: notYet(),
  isolation: notYet(),
  to: notYet(),
})

/** A function's trigger, every field of it checked. */
export interface CheckedFilter extends Omit<Trigger, 'delivery'> {
  readonly delivery?: DeliverySettings | undefined
}

/** Checks what a function module gave to `on`: its filter and its kinds, every fault at once. */
export function checkFilter(filter: unknown): { filter: CheckedFilter } | { faults: readonly Fault[] } {
  const checked = check(functionFilter, filter)
  if ('faults' in checked) return checked
  const { access, isolation, to, ...known } = checked.value
  return { filter: known }
}

function checkWildcard(text: string): void {
  if (text !== '*' && !/^[a-z0-9.-]+(\/v\d[a-z0-9]*)?\/\*$/.test(text))
    throw new SyntaxError("write '*' for everything, 'v1/*' for all of core, and a group as 'apps/*' or 'apps/v1/*'")
}

function checkGvk(text: string): void {
  if (isWildcard(text)) {
    checkWildcard(text)
    return
  }
  const [, group, version, kind] = /^(?:([a-z0-9.-]+)\/)?([a-z][a-z0-9-]*)\/([^/]+)$/.exec(text) ?? []
  if (version === undefined || kind === undefined)
    throw new SyntaxError('write a kind as apiVersion/Kind, e.g. v1/Pod or apps/v1/Deployment')
  if (group === undefined && !/^v\d/.test(version))
    throw new SyntaxError(`the version is missing: write ${version}/v1/${kind} if that is the one`)
  if (!/^[A-Z][A-Za-z0-9]*$/.test(kind))
    throw new SyntaxError(
      `${kind} is no kind: write it as in a manifest's kind:, e.g. Deployment and neither deployment nor deployments`,
    )
}
