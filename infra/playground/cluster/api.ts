import type { Access, User } from './access.ts'
import { readBody, readPatch } from './body.ts'
import { discover, discoverAll, version } from './discovery.ts'
import type { Answered } from './http.ts'
import { list } from './list.ts'
import type { Fields, KubeObject } from './object.ts'
import { openApi } from './openapi.ts'
import type { Plane } from './plane.ts'
import { presentBookmark, presentList, presentObject, readForm } from './present.ts'
import { remove } from './removal.ts'
import { review, reviewPath, reviews } from './review.ts'
import { findRoute, type Route, type Verb, verbOf } from './route.ts'
import { patchScale, readScale, updateScale } from './scale.ts'
import { readSelectors } from './selectors.ts'
import { badRequest, methodNotAllowed, notAcceptable, Refusal, type Status } from './status.ts'
import { current, type Target } from './target.ts'
import { Watch, type WatchLimits } from './watch.ts'
import { isTrue, readWatchOptions } from './watch-options.ts'
import { create, patch, update } from './write.ts'

export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly user: User
  readonly accept?: string | undefined
  readonly contentType?: string | undefined
  readonly userAgent?: string | undefined
  readonly body: Buffer
}

export type Answer = Answered | { readonly watch: Watch }

const aggregatedDiscovery = 'g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** The API of one cluster: from a request to its answer, in one step and without I/O. */
export class Api {
  readonly #plane: Plane
  readonly #access: Access
  readonly #limits: WatchLimits

  constructor(plane: Plane, access: Access, limits: WatchLimits) {
    this.#plane = plane
    this.#access = access
    this.#limits = limits
  }

  answer(request: ApiRequest): Answer {
    try {
      const { path } = request
      if (isDiscovery(path)) return this.#discover(request)
      if (path === reviewPath && request.method === 'POST') {
        const body = review(this.#plane, this.#access, request.user, readBody(request, reviews))
        return { status: 201, body }
      }
      const route = /^\/apis?\//.test(path) ? findRoute(this.#plane, path) : undefined
      if (!route) return { status: 404, body: '404 page not found\n' }
      const verb = verbOf(request.method, route, isTrue(request.query.get('watch')))
      this.#access.check(request.user, verb, route)
      return this.#perform(verb, route, request)
    } catch (error) {
      if (error instanceof Refusal) return { status: error.code, body: error.status }
      throw error
    }
  }

  #discover({ method, path, accept = '' }: ApiRequest): Answer {
    if (method !== 'GET') throw methodNotAllowed()
    if (/^\/(healthz|livez|readyz)$/.test(path)) return { status: 200, body: 'ok' }
    if (path === '/version') return { status: 200, body: version }
    // kubectl asks for the second version in protobuf alone, and does without
    if (path === '/openapi/v2') throw notAcceptable('this playground has OpenAPI v3 alone: ask for /openapi/v3')
    if (accept.includes(aggregatedDiscovery) && (path === '/api' || path === '/apis')) {
      return {
        status: 200,
        body: discoverAll(this.#plane, path),
        contentType: `application/json;${aggregatedDiscovery}`,
      }
    }
    const body = path.startsWith('/openapi/') ? openApi(this.#plane, path) : discover(this.#plane, path)
    return body === undefined ? { status: 404, body: '404 page not found\n' } : { status: 200, body }
  }

  #perform(verb: Verb, route: Route, request: ApiRequest): Answer {
    const { resource, subresource } = route
    const form = readForm(request.accept)
    const ok = (object: KubeObject, status = 200) => ({ status, body: presentObject(form, resource, object) })
    switch (verb) {
      case 'list':
      case 'watch':
        return this.#collection(verb, route, request)
      case 'get': {
        const object = current(this.#target(route, request))
        return subresource === 'scale' ? { status: 200, body: readScale(resource, object) } : ok(object)
      }
      case 'create':
        return ok(create(this.#target(route, request), readBody(request, resource)), 201)
      case 'update': {
        const target = this.#target(route, request)
        if (subresource === 'scale') return { status: 200, body: updateScale(target, readBody(request, undefined)) }
        return ok(update(target, readBody(request, resource)))
      }
      case 'patch': {
        const target = this.#target(route, request)
        const change = readPatch(request, resource)
        return subresource === 'scale' ? { status: 200, body: patchScale(target, change) } : ok(patch(target, change))
      }
      case 'delete':
        return { status: 200, body: remove(this.#target(route, request), optionsOf(request)) }
      case 'deletecollection':
        return this.#empty(route, request)
      default:
        return verb satisfies never
    }
  }

  #collection(verb: 'list' | 'watch', { resource, namespace, name }: Route, request: ApiRequest): Answer {
    const { query } = request
    const form = readForm(request.accept)
    const selected = readSelectors(query, resource)
    const matches = (object: KubeObject) =>
      (namespace === undefined || object.metadata.namespace === namespace) &&
      (name === '' || object.metadata.name === name) &&
      selected(object)
    const collection = this.#plane.collection(resource)
    if (verb === 'list') return { status: 200, body: presentList(form, resource, list(collection, query, matches)) }
    let isFirst = true
    const object = (one: KubeObject) => {
      const presented = presentObject(form, resource, one, isFirst)
      isFirst = false
      return presented
    }
    const bookmark = (revision: string, isEnd: boolean) => presentBookmark(form, resource, revision, isEnd)
    return { watch: new Watch(collection, readWatchOptions(query), { matches, object, bookmark }, this.#limits) }
  }

  #empty(route: Route, request: ApiRequest): Answer {
    const { resource, namespace } = route
    const selected = readSelectors(request.query, resource)
    const collection = this.#plane.collection(resource)
    for (const object of collection.all()) {
      const { name } = object.metadata
      if (object.metadata.namespace !== namespace || !selected(object)) continue
      remove({ ...this.#target(route, request), name }, optionsOf(request))
    }
    const details = { ...(resource.group !== '' && { group: resource.group }), kind: resource.plural }
    const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
    return { status: 200, body: status }
  }

  #target({ resource, namespace, name, subresource }: Route, { query, userAgent }: ApiRequest): Target {
    const dryRun = query.get('dryRun')
    if (dryRun && dryRun !== 'All') throw badRequest(`dryRun: Unsupported value: "${dryRun}": supported values: "All"`)
    return {
      plane: this.#plane,
      resource,
      namespace,
      name,
      manager: query.get('fieldManager') || /^[^/ ]+/.exec(userAgent ?? '')?.[0] || 'unknown',
      ...(subresource && { subresource }),
      dryRun: dryRun === 'All',
    }
  }
}

function optionsOf(request: ApiRequest): Fields {
  return request.body.length === 0 ? {} : readBody(request, undefined)
}

function isDiscovery(path: string): boolean {
  return /^\/(version|healthz|livez|readyz|api|api\/v1|apis|apis\/[^/]+(\/[^/]+)?|openapi\/.*)$/.test(path)
}
