import { isIP } from 'node:net'
import { z } from 'zod'
import { keyed, readableBy } from './fault.ts'

const url = () => z.url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })

/** What every sink can be told. */
const common = {
  compat: z.enum(['knative']).optional().meta({
    description: 'The form of Knative’s ApiServerSource instead of our own: its types, the bare object as data.',
  }),
  claimCheck: keyed({
    bucket: z.string().min(1),
    prefix: z.string().optional().meta({ description: 'Before each key, as it is: deltas/' }),
    region: z.string().min(1).optional(),
    endpoint: url().optional().meta({ description: 'For other stores that speak S3.' }),
  })
    .optional()
    .meta({ description: 'Where data goes that is too large for an event; wants the package @aws-sdk/client-s3.' }),
}

const eventbridge = keyed({
  bus: z.string().min(1).meta({ description: 'Name or ARN.' }),
  region: z.string().min(1).optional().meta({ description: "Default the ARN's, else as AWS finds it." }),
  endpoint: url().optional().meta({ description: 'For emulators and VPC endpoints.' }),
  ...common,
}).refine(regionsAgree, {
  path: ['region'],
  message: "is not the region in the bus's ARN: remove it",
  when: () => true,
})

const http = keyed({
  url: readableBy(checkReceiver).meta({ description: 'Where events are posted to.' }),
  mode: z.enum(['binary', 'structured', 'batched']).optional().meta({
    description: 'How events are put into requests, in the words of CloudEvents. Default binary.',
  }),
  batch: z
    .int()
    .min(1)
    .max(1_000)
    .optional()
    .meta({ description: 'Events of one request, in the mode batched. Default 100.' }),
  maxBytes: z.int().min(1_000).optional().meta({ description: 'Of one request. Default 1000000.' }),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~\w-]+$/, 'is no name of a header: letters, digits and dashes'),
      z.string().regex(/^[\t\x20-\x7e]*$/, 'must be printable ASCII on one line'),
    )
    .optional(),
  signingKeyFile: z.string().min(1).optional().meta({
    description:
      'A key a line, the newest first: whsec_ and 24 to 64 bytes in base64. Every key signs, so that one can be replaced.',
  }),
  origin: z.string().min(1).optional().meta({
    description: "The name in which the receiver's leave is asked, by the handshake of CloudEvents' webhooks.",
  }),
  allowAddresses: z.array(readableBy(checkNetwork)).optional().meta({
    description: 'Loopback and link-local addresses or networks that are meant: 127.0.0.1, ::1, 169.254.0.0/16.',
  }),
  tls: keyed({ caFile: z.string().min(1).optional() }).optional(),
  ...common,
}).refine((value) => value?.batch === undefined || value.mode === 'batched', {
  path: ['batch'],
  message: 'is for the mode batched: add mode: batched, or remove it',
  when: () => true,
})

export const sink = keyed({ eventbridge: eventbridge.optional(), http: http.optional() }).check((context) => {
  const kinds = Object.values(context.value ?? {}).filter((kind) => kind !== undefined)
  const issue = (message: string) => context.issues.push({ code: 'custom', message, input: context.value })
  if (kinds.length === 0) issue('sends nowhere: add eventbridge: { bus: … } or http: { url: … }')
  if (kinds.length > 1) issue('sends to several: give each a name of its own')
})

function regionsAgree(value: { bus?: unknown; region?: unknown }): boolean {
  const { bus, region } = value ?? {}
  return (
    typeof bus !== 'string' || typeof region !== 'string' || !bus.startsWith('arn:') || bus.split(':')[3] === region
  )
}

function checkReceiver(text: string): void {
  const receiver = URL.canParse(text) ? new URL(text) : undefined
  if (!receiver || !['http:', 'https:'].includes(receiver.protocol))
    throw new SyntaxError('must be a URL that begins with http:// or https://')
  // The URL is told in logs and problems.
  if (receiver.username !== '' || receiver.password !== '')
    throw new SyntaxError('holds a user or a password: put them into headers, as Authorization')
}

function checkNetwork(text: string): void {
  const [address = '', bits, ...rest] = text.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address) as 0 | 4 | 6]
  if (most === -1 || rest.length > 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most)))
    throw new SyntaxError('must be an address or a network: 127.0.0.1, ::1, 169.254.0.0/16')
}
