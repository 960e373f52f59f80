/** One body out of as many connections as it takes. */

import { type Frame, FrameReader } from './frames.js'
import { isEventStream, passes, refusalOf } from './responses.js'
import { backoff, pause } from './waiting.js'

export interface Resumable {
  readonly first: ReadableStream<Uint8Array>
  /** Aborted when the first connection is to be closed. */
  readonly connection: AbortController
  readonly again: (lastId: string | null, signal: AbortSignal) => Promise<Response>
  /** Of whoever reads; null where nobody can abort. */
  readonly signal: AbortSignal | null
  readonly attempts: number
  /** Called once, when nothing more will be read. */
  readonly over: () => void
}

const HEADERS_WITHIN = 15_000
/** Three heartbeats of the server: a connection that is silent for longer is dead, whatever TCP says. */
const SILENCE = 45_000
/** How long the end of a body is waited for after the answer's own end. */
const LINGER = 1_000
const TERMINAL = new Set(['finish', 'error', 'abort'])

export class ResumingBody {
  readonly #given: Resumable
  readonly #encoder = new TextEncoder()
  readonly #left = new AbortController()
  /** Aborted by whoever reads, or when nothing more is to be read. */
  readonly #signal: AbortSignal
  #connection: Connection | null
  #lastId: string | null = null
  #retry: number | undefined
  #failures = 0
  #begun = false
  #ended = false
  #cause: unknown = undefined

  constructor(given: Resumable) {
    this.#given = given
    this.#signal = given.signal ? AbortSignal.any([given.signal, this.#left.signal]) : this.#left.signal
    this.#connection = new Connection(given.first, given.connection, null)
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => this.#leave(reason),
      },
      { highWaterMark: 0 },
    )
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const text = await this.#more()
      if (text !== null) return controller.enqueue(this.#encoder.encode(text))
      this.#leave()
      controller.close()
    } catch (error) {
      this.#leave(error)
      throw error
    }
  }

  #leave(reason?: unknown): void {
    this.#left.abort(reason)
    this.#connection?.close()
    this.#given.over()
  }

  /** The next whole frames, over however many connections; null at the end. */
  async #more(): Promise<string | null> {
    for (;;) {
      if (this.#connection === null) {
        if (this.#ended) return null
        await this.#reconnect()
        continue
      }
      const frames = await this.#read(this.#connection)
      const text = frames?.map((frame) => this.#pass(frame)).join('')
      if (text) return text
      if (frames === null) this.#connection = null
    }
  }

  async #read(connection: Connection): Promise<Frame[] | null> {
    try {
      return await connection.frames(this.#ended ? LINGER : SILENCE)
    } catch (error) {
      this.#signal.throwIfAborted()
      this.#cause = error
      return null
    }
  }

  /** What the reader gets of a frame: all of it, or nothing. */
  #pass(frame: Frame): string {
    if (frame.retry !== null) this.#retry = frame.retry
    const news = this.#connection?.isNews(frame) ?? false
    if (news && frame.id !== null) this.#lastId = frame.id || null
    if (!news || frame.data === null) return ''
    const type = typeOf(frame)
    this.#failures = 0
    this.#begun ||= type === 'start'
    this.#ended ||= TERMINAL.has(type) || frame.data === '[DONE]'
    return frame.text
  }

  async #reconnect(): Promise<void> {
    if (this.#failures >= this.#given.attempts) throw this.#givenUp()
    await pause(backoff(this.#failures, this.#retry), this.#signal)
    this.#failures += 1
    const connection = new AbortController()
    const response = await this.#ask(connection)
    if (response === null) return
    if (response.status === 204) {
      this.#ended = true
    } else if (isEventStream(response) && response.body) {
      this.#connection = new Connection(response.body, connection, this.#begun ? this.#lastId : null)
    } else if (!response.ok && !passes(response.status)) {
      throw await refusalOf(response)
    } else {
      this.#cause = new Error(`The server answered ${response.status}.`)
      await response.body?.cancel()
    }
  }

  async #ask(connection: AbortController): Promise<Response | null> {
    const timer = setTimeout(() => connection.abort(new Error('no answer in time')), HEADERS_WITHIN)
    try {
      return await this.#given.again(this.#lastId, AbortSignal.any([this.#signal, connection.signal]))
    } catch (error) {
      this.#signal.throwIfAborted()
      this.#cause = error
      return null
    } finally {
      clearTimeout(timer)
    }
  }

  #givenUp(): Error {
    // Worded so that the AI SDK takes it for a lost connection, and resumes when the tab is looked at again.
    return new TypeError('network error: the answer could not be resumed', { cause: this.#cause })
  }
}

/** One connection's frames. A server that begins anew is skipped up to what the reader has. */
class Connection {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #controller: AbortController
  readonly #decoder = new TextDecoder()
  readonly #frames = new FrameReader()
  readonly #after: string | null
  #position: 'beginning' | 'known' | 'new' = 'beginning'

  constructor(body: ReadableStream<Uint8Array>, controller: AbortController, after: string | null) {
    this.#reader = body.getReader()
    this.#controller = controller
    this.#after = after
  }

  close(): void {
    this.#controller.abort()
  }

  /** Null when the body is over. Rejects when it breaks, or is silent for too long. */
  async frames(within: number): Promise<Frame[] | null> {
    const timer = setTimeout(() => this.#controller.abort(new Error('the connection is silent')), within)
    try {
      const { done, value } = await this.#reader.read()
      return done ? null : this.#frames.feed(this.#decoder.decode(value, { stream: true }))
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whether the reader does not have the frame yet. Throws where what it has does not come at all. */
  isNews(frame: Frame): boolean {
    if (frame.data === null) return this.#position === 'new' || this.#after === null
    if (this.#position === 'beginning') {
      this.#position = this.#after !== null && typeOf(frame) === 'start' ? 'known' : 'new'
    }
    if (this.#position === 'new') return true
    if (frame.id === this.#after) this.#position = 'new'
    else if (TERMINAL.has(typeOf(frame))) throw new Error('The answer was made anew: read it again from its beginning.')
    return false
  }
}

function typeOf(frame: Frame): string {
  try {
    const type: unknown = JSON.parse(frame.data ?? '')?.type
    return typeof type === 'string' ? type : ''
  } catch {
    return ''
  }
}
