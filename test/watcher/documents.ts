import fc from 'fast-check'

/** How many random documents each property is tried on: DELTABRIDGE_FUZZ_RUNS for a long run. */
export const fuzzRuns = Number(process.env.DELTABRIDGE_FUZZ_RUNS ?? 300)

const hostile = [
  '日本語',
  '🦊👩‍👩‍👧',
  '\u2028',
  '\u2029',
  'a\rb',
  'a\nb',
  '\u0000',
  '"uid":"evil"',
  '\\"uid\\":\\"evil\\"',
  '{"metadata":{"uid":"evil"}}',
  '}}',
  '\\',
  '\\\\"',
  '\ud800',
  'é',
  '\u007f',
]
const text = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const identity = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,20}$/) },
  { weight: 1, arbitrary: text.filter((name) => name !== '') },
)
// once V8 13.6 has met the key `\\`, its JSON.parse reads other keys of one escaped character as that one: no witness there
const key = fc.oneof(
  fc.constantFrom(
    'uid',
    'name',
    'namespace',
    'resourceVersion',
    'metadata',
    'object',
    'type',
    'items',
    'managedFields',
  ),
  text.filter((name) => name !== '\\'),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(key, tie('any'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).any

type Members = [key: string, json: string][]

const members = (names: fc.Arbitrary<string>): fc.Arbitrary<Members> =>
  fc.array(
    fc.tuple(
      names,
      value.map((one) => JSON.stringify(one)),
    ),
    { maxLength: 4 },
  )
const decoys = key.filter(
  (name) => !['uid', 'name', 'namespace', 'resourceVersion', 'metadata', 'managedFields'].includes(name),
)

/** Any way to write a string in JSON: characters as they are, or escaped. */
const written = (string: string, escapes: boolean) =>
  escapes ? `"${string.replaceAll(/./gsu, escapeSequence)}"` : JSON.stringify(string)
const escapeSequence = (character: string) =>
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')

const space = fc.constantFrom('', '', '', ' ', '\t', '\r', ' \r ')

const object = (all: Members, gap: string) =>
  `{${gap}${all.map(([name, json]) => `${JSON.stringify(name)}${gap}:${gap}${json}`).join(`${gap},${gap}`)}${gap}}`

/** The JSON of an object with an identity, in any order of keys, among decoys. Each key once: no API server repeats one. */
export const documents: fc.Arbitrary<string> = fc
  .record({
    uid: identity,
    name: identity,
    resourceVersion: identity,
    namespace: fc.option(identity, { nil: undefined }),
    managedFields: fc.option(fc.array(value, { maxLength: 3 }), { nil: undefined }),
    apiVersion: fc.boolean(),
    kind: fc.boolean(),
    inMetadata: members(decoys),
    outside: members(decoys.filter((name) => name !== 'apiVersion' && name !== 'kind')),
    escapes: fc.boolean(),
    gap: space,
    order: fc.infiniteStream(fc.nat()),
  })
  .map((of) => {
    const shuffled = (all: Members) => {
      const once = [...new Map(all)]
      return once
        .map((member) => ({ member, at: of.order.next().value }))
        .sort((a, b) => a.at - b.at)
        .map(({ member }) => member)
    }
    const metadata: Members = [
      ...of.inMetadata,
      ['uid', written(of.uid, of.escapes)],
      ['name', written(of.name, of.escapes)],
      ['resourceVersion', written(of.resourceVersion, of.escapes)],
    ]
    if (of.namespace !== undefined) metadata.push(['namespace', written(of.namespace, of.escapes)])
    if (of.managedFields) metadata.push(['managedFields', JSON.stringify(of.managedFields)])
    const all: Members = [...of.outside, ['metadata', object(shuffled(metadata), of.gap)]]
    if (of.apiVersion) all.push(['apiVersion', '"example.com/v1"'])
    if (of.kind) all.push(['kind', '"Thing"'])
    return object(shuffled(all), of.gap)
  })
