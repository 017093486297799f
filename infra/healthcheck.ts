/** Asks a health endpoint, for the container's HEALTHCHECK: prints what it says, exits 1 unless it is 200. */
const [url = 'http://127.0.0.1:8080/healthz'] = process.argv.slice(2)

try {
  const response = await fetch(url, { signal: AbortSignal.timeout(4_000) })
  console.log((await response.text()).trim())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  console.log(`${url} does not answer: ${cause instanceof Error ? cause.message : cause}`)
  process.exitCode = 1
}
