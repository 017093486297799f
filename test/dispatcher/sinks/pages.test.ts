import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { loadSettings } from '../../../core/config/load.ts'
import { sink } from '../../../core/config/sink-schema.ts'
import { cloudEvent } from '../../../dispatcher/sinks/cloudevent.ts'
import { testDelivery } from '../target.suite.ts'
import { checkData, dataFields } from './data-schema.ts'

const folder = fileURLToPath(new URL('../../../docs/sinks', import.meta.url))
const pages = (await readdir(folder)).map((name) => name.replace('.md', ''))
const page = (name: string) => readFile(join(folder, `${name}.md`), 'utf8')
const blocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block!)

test('every kind of sink has a page, and every setting of it a line there', async () => {
  expect(pages.toSorted()).toEqual(Object.keys(sink.shape).toSorted())
  for (const [kind, settings] of Object.entries(sink.shape)) {
    const text = await page(kind)
    for (const name of Object.keys(settings.unwrap().shape)) expect(text).toContain(`| \`${name}\` |`)
  }
})

test.each(pages)('the configurations on the page of %s are valid', async (name) => {
  const cwd = await mkdtemp(join(tmpdir(), 'pages-'))
  onTestFinished(() => rm(cwd, { recursive: true, force: true }))
  const configurations = blocks(await page(name), 'yaml')
  expect(configurations).not.toEqual([])
  for (const text of configurations) {
    const file = join(cwd, 'deltabridge.yaml')
    await writeFile(file, text)
    expect(loadSettings({ file, cwd, env: {} }).sinks).toHaveLength(1)
  }
})

test('the event on the page of EventBridge has the attributes of real ones, and data of the published schema', async () => {
  const [event] = blocks(await page('eventbridge'), 'json').map((text) => JSON.parse(text))
  expect(Object.keys(event)).toEqual(Object.keys(cloudEvent(testDelivery())))
  checkData(event.data)
})

test('the published schema knows every field that data can have', () => {
  const every = ['object', 'old', 'changed', 'reason', 'initial', 'finalStateUnknown', 'oldOmitted', 'objectOmitted']
  expect(dataFields).toEqual(every)
  expect(() => checkData({ object: testDelivery().delta.object, ojbect: {} })).toThrow()
  expect(() => checkData({ old: testDelivery().delta.object })).toThrow()
})
