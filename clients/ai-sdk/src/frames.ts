/** Server-sent events, text in and whole frames out, by the rules of the HTML standard (section 9.2.6). */

/** One frame. `data` is null where it has none: comments, advice, or a bare id. */
export interface Frame {
  readonly text: string
  readonly data: string | null
  readonly id: string | null
  readonly retry: number | null
}

const LARGEST_FRAME = 8 * 1024 * 1024
const LINE_END = /\r\n|\n|\r/g

/** Takes text as it comes, split anywhere. What never gets its blank line is never a frame. */
export class FrameReader {
  #rest = ''
  #lines: string[] = []
  #size = 0

  /** The frames that `text` completes. Throws a RangeError for one that is larger than 8 MiB. */
  feed(text: string): Frame[] {
    const buffer = this.#rest + text
    const frames: Frame[] = []
    let begin = 0
    for (const end of buffer.matchAll(LINE_END)) {
      // A CR at the very end may be the first half of a CRLF.
      if (end[0] === '\r' && end.index === buffer.length - 1) break
      const frame = this.#take(buffer.slice(begin, end.index))
      if (frame !== null) frames.push(frame)
      begin = end.index + end[0].length
    }
    this.#rest = buffer.slice(begin)
    if (this.#size + this.#rest.length > LARGEST_FRAME) throw new RangeError('one event is larger than 8 MiB')
    return frames
  }

  #take(line: string): Frame | null {
    if (line !== '') {
      this.#lines.push(line)
      this.#size += line.length
      return null
    }
    const lines = this.#lines
    this.#lines = []
    this.#size = 0
    return lines.length > 0 ? frameOf(lines) : null
  }
}

function frameOf(lines: readonly string[]): Frame {
  const data: string[] = []
  let id: string | null = null
  let retry: number | null = null
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') data.push(value)
    else if (name === 'id' && !value.includes('\0')) id = value
    else if (name === 'retry' && /^\d{1,9}$/.test(value)) retry = Number(value)
  }
  return { text: lines.join('\n') + '\n\n', data: data.length > 0 ? data.join('\n') : null, id, retry }
}
