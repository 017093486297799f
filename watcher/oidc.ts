import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { z } from 'zod'

/** The auth provider `oidc` of a kubeconfig. */
export interface OidcLogin {
  readonly idToken: string
  readonly refreshToken: string
  readonly clientId: string
  readonly clientSecret: string
  readonly issuer: string
  /** Of the issuer; '' = what the system trusts. */
  readonly ca: string
}

const timeoutMs = 10_000
/** A token that ends this soon is refreshed now: the API server's clock may be a little ahead. */
const leewaySeconds = 30

const discovered = z.object({ token_endpoint: z.string() })
const granted = z.object({ id_token: z.string(), refresh_token: z.string().optional() })

/** An id token, refreshed when it ends. The library's own way never gets one: it hands the issuer on as text, and an answer that is none. */
export class OidcToken {
  readonly #login: OidcLogin
  #idToken: string
  #refreshToken: string

  constructor(login: OidcLogin) {
    this.#login = login
    this.#idToken = login.idToken
    this.#refreshToken = login.refreshToken
  }

  /** Rejects when a new one is needed and not to be had. */
  async get(): Promise<string> {
    if (endsAt(this.#idToken) - leewaySeconds > Date.now() / 1_000) return this.#idToken
    const { issuer, clientId, clientSecret, ca } = this.#login
    if (issuer === '' || clientId === '' || this.#refreshToken === '')
      throw new Error(
        'the OIDC token has ended, and without idp-issuer-url, client-id and refresh-token there is no other: log in anew',
      )
    const dispatcher = new Agent({ connect: { timeout: timeoutMs, ...(ca !== '' && { ca }) } })
    try {
      const about = await ask(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, dispatcher)
      const grant = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: this.#refreshToken })
      grant.set('client_id', clientId)
      if (clientSecret !== '') grant.set('client_secret', clientSecret)
      const answer = granted.parse(await ask(discovered.parse(about).token_endpoint, dispatcher, grant.toString()))
      this.#idToken = answer.id_token
      // an issuer that gives a new one takes the old one no more
      this.#refreshToken = answer.refresh_token ?? this.#refreshToken
      return this.#idToken
    } finally {
      await dispatcher.close()
    }
  }

  /** The API server does not take it, whatever it says of itself. */
  expire(): void {
    this.#idToken = ''
  }
}

/** The login that the provider's `config` stands for; `resolveFile`: a path in it is relative to the kubeconfig. */
export function oidcLogin(config: Readonly<Record<string, unknown>>, resolveFile: (path: string) => string): OidcLogin {
  const text = (key: string) => (typeof config[key] === 'string' ? config[key] : '')
  const file = text('idp-certificate-authority')
  const data = text('idp-certificate-authority-data')
  return {
    idToken: text('id-token'),
    refreshToken: text('refresh-token'),
    clientId: text('client-id'),
    clientSecret: text('client-secret'),
    issuer: text('idp-issuer-url'),
    ca: data !== '' ? Buffer.from(data, 'base64').toString('utf8') : file && readFileSync(resolveFile(file), 'utf8'),
  }
}

async function ask(url: string, dispatcher: Agent, form?: string): Promise<unknown> {
  const { statusCode, body } = await request(url, {
    method: form === undefined ? 'GET' : 'POST',
    headers: {
      accept: 'application/json',
      ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(form !== undefined && { body: form }),
    dispatcher,
    signal: AbortSignal.timeout(timeoutMs),
  })
  const text = await body.text()
  // the answer to a grant may hold a token: only what went wrong is told
  if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}: log in anew, e.g. with kubectl`)
  return JSON.parse(text)
}

/** When the token says that it ends, in seconds since 1970; 0 = it does not say, or is none. */
function endsAt(idToken: string): number {
  try {
    const claims = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString('utf8'))
    return typeof claims.exp === 'number' ? claims.exp : 0
  } catch {
    return 0
  }
}
