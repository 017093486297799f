import type { ApiRequest } from './api.ts'
import { type Fields, fieldsOf, isFields } from './object.ts'
import { decodeProtobuf, protobufType, type Typed } from './protobuf.ts'
import { badRequest, faults, invalid, unsupportedMediaType } from './status.ts'

/** The object that was sent; without a resource, options or a Scale. Says what it did not: kind and apiVersion. */
export function readBody({ body: bytes, contentType }: ApiRequest, resource: Typed | undefined): Fields {
  if (resource && mediaType(contentType) === protobufType) return decodeProtobuf(bytes, resource)
  const body = bytes.toString()
  if (mediaType(contentType) !== 'application/json') {
    throw unsupportedMediaType(
      'the body of the request was in an unknown format - accepted media types include: application/json',
    )
  }
  const object = parse(body, (why) => {
    const type = resource ? ` (must be of type ${resource.kind})` : ''
    return `the object provided is unrecognized${type}: couldn't get version/kind; json parse error: ${why} (${shortened(body)})`
  })
  if (!isFields(object)) throw badRequest(`the object provided is unrecognized: ${shortened(body)} is no object`)
  return resource ? typed(object, body, resource) : object
}

export function readPatch({ body: bytes, contentType }: ApiRequest, resource: Typed): Fields {
  const body = bytes.toString()
  if (mediaType(contentType) !== 'application/merge-patch+json') {
    throw unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: application/merge-patch+json (this playground has no other patch; kubectl: --type=merge)`,
    )
  }
  const patch = parse(body, (why) => `error decoding patch: ${why}`)
  if (!isFields(patch)) {
    const found = Array.isArray(patch) ? 'array' : typeof patch
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    )
  }
  const { kind, apiVersion } = resource
  if ((patch.kind ?? kind) !== kind || (patch.apiVersion ?? apiVersion) !== apiVersion) {
    throw badRequest(
      `the patch would make a ${patch.apiVersion ?? apiVersion} ${patch.kind ?? kind} of a ${apiVersion} ${kind}`,
    )
  }
  return patch
}

function typed(object: Fields, body: string, resource: Typed): Fields {
  const { kind, apiVersion, version, group, custom } = resource
  const name = String(fieldsOf(object.metadata).name ?? '')
  if (custom && !object.kind) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): Object 'Kind' is missing in '${body}' (${shortened(body)})`,
    )
  }
  if (object.apiVersion !== undefined && object.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersion})`,
    )
  }
  if (object.kind !== undefined && object.kind !== kind) {
    if (custom)
      throw invalid(String(object.kind), group, name, [faults.invalid('kind', object.kind, `must be ${kind}`)])
    throw badRequest(
      `${object.kind} in version "${version}" cannot be handled as a ${kind}: converting (${version}.${object.kind}) to (core.${kind}): unknown conversion`,
    )
  }
  return { ...object, kind, apiVersion }
}

function mediaType(contentType = 'application/json'): string {
  return contentType.split(';')[0]?.trim() ?? ''
}

function parse(text: string, tell: (why: string) => string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badRequest(tell(error instanceof Error ? error.message : String(error)))
  }
}

function shortened(text: string): string {
  return text.length > 32 ? `${text.slice(0, 32)} ...` : text
}
