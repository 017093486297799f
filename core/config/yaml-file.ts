import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import type { Checked } from './fault.ts'

/** Reads a YAML file; what is wrong with its syntax is told by line and column, repeated keys included. */
export function readYamlFile(file: string): Checked<unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return { faults: [{ path: '', message: `cannot be read: ${reasonOf(error)}` }] }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const faults = [...document.errors, ...document.warnings].map(({ code, message, pos }) => {
    const { line, col } = lines.linePos(pos[0])
    return {
      path: `line ${line}, column ${col}`,
      message: code === 'DUPLICATE_KEY' ? 'this key stands here twice: remove one of them' : message,
    }
  })
  if (faults.length > 0) return { faults }
  try {
    // an empty file has no value, and nothing wrong with it
    return { value: document.toJS() ?? {} }
  } catch (error) {
    return { faults: [{ path: '', message: reasonOf(error) }] }
  }
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  switch ('code' in error ? error.code : undefined) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EACCES':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a folder'
    default:
      return error.message
  }
}
