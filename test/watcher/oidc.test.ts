import { readFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { connect, folder, kubeconfig, makeCertificate, openApiServer } from './api-server.ts'

const never = new AbortController().signal
afterEach(() => void vi.useRealTimers())

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Whoever checks it looks at what it says; the signature is not ours to check. */
function idToken(issuer: string, expiresAt: number): string {
  const claims = { iss: issuer, aud: 'deltabridge', sub: 'me', iat: Math.floor(Date.now() / 1_000), exp: expiresAt }
  return `${base64({ alg: 'RS256' })}.${base64(claims)}.c2lnbmF0dXJl`
}

test('an OIDC token that ran out is refreshed once for many requests, and not again while the new one lives', async () => {
  const files = folder()
  const tls = makeCertificate(files.path, 'server')
  let grants = 0
  const api = await openApiServer((request, response) => {
    const issuer = `https://${request.headers.host}`
    response.setHeader('content-type', 'application/json')
    if (request.url === '/.well-known/openid-configuration')
      response.end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token` }))
    else if (request.url === '/token') {
      grants++
      const token = idToken(issuer, Math.floor(Date.now() / 1_000) + 3_600)
      const answer = { access_token: 'a', token_type: 'bearer', expires_in: 3_600, refresh_token: `r${grants}` }
      response.end(JSON.stringify({ ...answer, id_token: token }))
    } else response.end('{}')
  }, tls)
  const config = {
    'id-token': idToken(api.url, Math.floor(Date.now() / 1_000) - 10),
    'client-id': 'deltabridge',
    'client-secret': 's',
    'refresh-token': 'r0',
    'idp-issuer-url': api.url,
    'idp-certificate-authority-data': readFileSync(tls.cert).toString('base64'),
  }
  const user = { 'auth-provider': { name: 'oidc', config } }
  const connection = connect(files.write('config', kubeconfig(api.url, user, { 'certificate-authority': tls.cert })))
  await Promise.all(Array.from({ length: 100 }, () => connection.get('/version', never)))
  expect(grants).toBe(1)
  // credentials are looked at again after a while
  vi.useFakeTimers({ toFake: ['performance'], now: performance.now() })
  vi.advanceTimersByTime(61_000)
  await connection.get('/version', never)
  expect(grants).toBe(1)
})
