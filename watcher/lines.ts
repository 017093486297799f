const newline = 0x0a

/** Thrown for a line longer than what was allowed: its bytes are not kept. */
export class LineTooLong extends Error {
  override name = 'LineTooLong'
  readonly bytes: number
  constructor(bytes: number) {
    super(`a line of more than ${bytes} bytes`)
    this.bytes = bytes
  }
}

/**
 * Splits a byte stream at 0x0A and nowhere else (JSON text may hold U+2028 or CR). A line inside one chunk is a view of it;
 * one that spans chunks is copied once. Empty lines are passed over; bytes after the last newline are no line.
 */
export class LineSplitter {
  readonly #mostBytes: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** The lines that end in this chunk. */
  *push(chunk: Buffer): Generator<Buffer> {
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = this.#finish(chunk.subarray(start, end))
      start = end + 1
      if (line.length > 0) yield line
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start))
  }

  #keep(part: Buffer): void {
    this.#parts.push(part)
    this.#bytes += part.length
    if (this.#bytes <= this.#mostBytes) return
    this.#parts = []
    this.#bytes = 0
    throw new LineTooLong(this.#mostBytes)
  }

  #finish(part: Buffer): Buffer {
    this.#keep(part)
    const parts = this.#parts
    const bytes = this.#bytes
    this.#parts = []
    this.#bytes = 0
    return parts.length === 1 ? part : Buffer.concat(parts, bytes)
  }
}
