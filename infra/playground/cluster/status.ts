import type { Resource } from './resources.ts'

export interface Cause {
  readonly reason: string
  readonly message: string
  readonly field?: string
}

export interface Details {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly Cause[]
  readonly retryAfterSeconds?: number
}

export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: { readonly continue?: string }
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: Details
  readonly code?: number
}

/** A refusal in the API server's words. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly code: number
  readonly status: Status

  constructor(code: number, reason: string, message: string, details?: Details, metadata: Status['metadata'] = {}) {
    super(message)
    this.code = code
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      message,
      ...(reason !== '' && { reason }),
      ...(details && { details }),
      code,
    }
  }
}

/** `deployments.apps`: the name of a resource where people read it. */
export function qualified(resource: Pick<Resource, 'plural' | 'group'>): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
}

function about(resource: Pick<Resource, 'plural' | 'group'>, name: string): Details {
  return {
    ...(name !== '' && { name }),
    ...(resource.group !== '' && { group: resource.group }),
    kind: resource.plural,
  }
}

export function badRequest(message: string): Refusal {
  return new Refusal(400, 'BadRequest', message)
}

export function unauthorized(): Refusal {
  return new Refusal(401, 'Unauthorized', 'Unauthorized')
}

export function forbidden(resource: Resource, name: string, why: string, causes?: readonly Cause[]): Refusal {
  const subject = name === '' ? qualified(resource) : `${qualified(resource)} ${JSON.stringify(name)}`
  const details = { ...about(resource, name), ...(causes && { causes }) }
  return new Refusal(403, 'Forbidden', `${subject} is forbidden: ${why}`, details)
}

export function notFound(resource: Pick<Resource, 'plural' | 'group'>, name: string): Refusal {
  return new Refusal(404, 'NotFound', `${qualified(resource)} ${JSON.stringify(name)} not found`, about(resource, name))
}

export function noSuchResource(): Refusal {
  return new Refusal(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function methodNotAllowed(): Refusal {
  return new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}

export function alreadyExists(resource: Resource, name: string): Refusal {
  const message = `${qualified(resource)} ${JSON.stringify(name)} already exists`
  return new Refusal(409, 'AlreadyExists', message, about(resource, name))
}

export function conflict(resource: Resource, name: string, why?: string): Refusal {
  const reason = why ?? 'the object has been modified; please apply your changes to the latest version and try again'
  const message = `Operation cannot be fulfilled on ${qualified(resource)} ${JSON.stringify(name)}: ${reason}`
  return new Refusal(409, 'Conflict', message, about(resource, name))
}

/** Preconditions of a deletion are told by kind, not by resource. */
export function failedPrecondition(kind: string, name: string, why: string): Refusal {
  const message = `Operation cannot be fulfilled on ${kind} ${JSON.stringify(name)}: ${why}`
  return new Refusal(409, 'Conflict', message, { name, kind })
}

export function unsupportedMediaType(message: string): Refusal {
  return new Refusal(415, 'UnsupportedMediaType', message)
}

export function notAcceptable(message: string): Refusal {
  return new Refusal(406, 'NotAcceptable', message)
}

export const faults = {
  invalid: (field: string, value: unknown, why: string): Cause => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
    field,
  }),
  required: (field: string, why = ''): Cause => ({
    reason: 'FieldValueRequired',
    message: `Required value${why && `: ${why}`}`,
    field,
  }),
  forbidden: (field: string, why: string): Cause => ({
    reason: 'FieldValueForbidden',
    message: `Forbidden: ${why}`,
    field,
  }),
  unsupported: (field: string, value: unknown, values: readonly string[]): Cause => ({
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${values.map((one) => JSON.stringify(one)).join(', ')}`,
    field,
  }),
}

/** 422, with every cause in one message as the real server puts them together. */
export function invalid(kind: string, group: string, name: string, causes: readonly Cause[]): Refusal {
  const told = causes.map((cause) => `${cause.field}: ${cause.message}`)
  const list = told.length === 1 ? told[0] : `[${told.join(', ')}]`
  const details = { ...(name !== '' && { name }), ...(group !== '' && { group }), kind, causes }
  const subject = `${group === '' ? kind : `${kind}.${group}`} ${JSON.stringify(name)}`
  return new Refusal(422, 'Invalid', `${subject} is invalid: ${list}`, details)
}

export function invalidOptions(cause: Cause): Refusal {
  return invalid('ListOptions', 'meta.k8s.io', '', [cause])
}

export function tooOld(asked: number, oldest: number): Refusal {
  return new Refusal(410, 'Expired', `too old resource version: ${asked} (${oldest})`)
}

export function tooLarge(asked: number, current: number): Refusal {
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
  const message = `Timeout: Too large resource version: ${asked}, current: ${current}`
  return new Refusal(504, 'Timeout', message, { causes, retryAfterSeconds: 1 })
}
