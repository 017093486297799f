import type { BusEvent } from './answer.ts'

const SHOWN = 100

/** What arrived, newest first, for people. */
export function page(events: readonly BusEvent[], { count, lost }: { count: number; lost: number }): string {
  const rows = events.slice(-SHOWN).reverse().map(row).join('\n')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<title>${count} events</title>
<style>
  body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
  code { font-size: 12px; overflow-wrap: anywhere }
</style>
<h1>Event bus</h1>
<p>${count} events arrived, ${lost} lost (sent to a bus that does not exist, or with a DetailType over 128 characters).
The newest ${SHOWN} are below, <a href="/events">more as JSON</a>.</p>
<table>
<tr><th>Time<th>Bus<th>Detail type<th>Cluster<th>Subject<th>Trigger<th>Id</tr>
${rows || '<tr><td colspan="7">Nothing yet.</td></tr>'}
</table>
</html>
`
}

function row({ time, bus, detailType, detail }: BusEvent): string {
  const cells = [time, bus, detailType, detail.cluster, detail.subject, detail.trigger, detail.id]
  return `<tr>${cells.map((cell) => `<td><code>${escaped(cell)}</code></td>`).join('')}</tr>`
}

function escaped(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
