/** What the demo prints: a few words a line, so that the whole story fits on one screen. */
export class Screen {
  readonly #write: (line: string) => void
  readonly #colour: boolean
  #scenes = 0

  constructor(write: (line: string) => void, colour: boolean) {
    this.#write = write
    this.#colour = colour
  }

  title(text: string): void {
    this.#write(this.#paint(1, text))
  }

  scene(text: string): void {
    this.#scenes++
    this.#write('')
    this.#write(this.#paint(1, `${this.#scenes}  ${text}`))
  }

  /** Something that happens. */
  note(text: string): void {
    this.#write(`   ${this.#paint(90, text)}`)
  }

  /** A promise that was just kept. */
  held(text: string): void {
    this.#write(`   ${this.#paint(32, '✓')} ${text}`)
  }

  /** A failure that is part of the story. */
  failure(text: string): void {
    this.#write(`   ${this.#paint(33, '✗')} ${text}`)
  }

  broken(text: string): void {
    this.#write(`   ${this.#paint(31, '✗')} ${text}`)
  }

  plain(text = ''): void {
    this.#write(text)
  }

  #paint(code: number, text: string): string {
    return this.#colour ? `\x1b[${code}m${text}\x1b[0m` : text
  }
}
