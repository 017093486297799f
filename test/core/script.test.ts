import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { loadScript } from '../../core/redis/script.ts'
import { redisCorner } from '../support/redis.ts'

async function scripts(files: Record<string, string>): Promise<(name: string) => URL> {
  const folder = await mkdtemp(join(tmpdir(), 'deltabridge-script-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, source] of Object.entries(files)) await writeFile(join(folder, name), source)
  return (name) => pathToFileURL(join(folder, name))
}

test('includes are replaced, also those of includes', async () => {
  const redis = await redisCorner().connect()
  const file = await scripts({
    'a.lua': '--@include b.lua\nreturn two() .. ARGV[1]',
    'b.lua': '--@include c.lua\nlocal function two() return one() .. "$&2" end',
    'c.lua': 'local function one() return "1" end',
  })
  expect(await loadScript(file('a.lua')).run(redis, [], ['!'])).toBe('1$&2!')
})

test('a script that Redis has forgotten is sent whole', async () => {
  const corner = redisCorner()
  const redis = await corner.connect()
  const file = await scripts({ 'mine.lua': `return '${corner.prefix}' .. KEYS[1]` })
  const script = loadScript(file('mine.lua'))
  expect(script.name).toBe('mine.lua')
  for (let i = 0; i < 2; i++) expect(await script.run(redis, ['k'], [])).toBe(`${corner.prefix}k`)
})

test('an error of the script is the caller’s, and it is not sent again', async () => {
  const corner = redisCorner()
  const redis = await corner.connect()
  const key = `{${corner.prefix}}:count`
  const file = await scripts({ 'bad.lua': "redis.call('INCR', KEYS[1]) return redis.error_reply('UNDONE x')" })
  await expect(loadScript(file('bad.lua')).run(redis, [key], [])).rejects.toThrow('UNDONE x')
  expect(await redis.get(key)).toBe('1')
})

test('two hundred thousand arguments and bytes of any kind arrive', async () => {
  const redis = await redisCorner().connect()
  const file = await scripts({ 'many.lua': 'return { #ARGV, ARGV[#ARGV], #KEYS }' })
  const args = [...Array.from({ length: 200_000 }, (_, i) => i), Buffer.from([0, 255])]
  const [count, last, keys] = (await loadScript(file('many.lua')).run(redis, ['{a}'], args)) as [number, string, number]
  expect([count, Buffer.from(last).length > 0, keys]).toEqual([200_001, true, 1])
})

test('rewrite changes the source before it is hashed', async () => {
  const redis = await redisCorner().connect()
  const file = await scripts({ 'r.lua': 'return 1' })
  expect(await loadScript(file('r.lua'), (source) => source.replace('1', '2')).run(redis, [], [])).toBe(2)
})
