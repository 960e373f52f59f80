/** One EventSource over a run's events, until it is of no more use. */

import { EVENT_TYPES, type RunEvent } from './run-events.js'

/** How a stream ended: after news, after nothing, or by an answer that an EventSource gives up for. */
export type Heard = 'news' | 'nothing' | 'refused'

export interface Listener {
  opened(): void
  /** Answers whether the event was the last one. */
  heard(event: RunEvent, id: string): boolean
  /** Events are missing: they have to be read. */
  incomplete(): void
  /** The stream is silent: answers whether a poll finds news. */
  doubted(): Promise<boolean>
}

/** The browser reconnects by itself; after so many failures in a row it is told to leave that to us, who back off. */
const ITS_OWN_ATTEMPTS = 2
/** An EventSource hides heartbeats: a silent one is held against a poll. The first event comes at once. */
const FIRST_DOUBT = 5_000
const DOUBT = 30_000

export class RunStream {
  readonly #source: EventSource
  readonly #listener: Listener
  #news = false
  #failures = 0
  #doubts = 1
  #timer: ReturnType<typeof setTimeout> | undefined
  #end: (heard: Heard) => void = () => undefined
  #fail: (error: unknown) => void = () => undefined

  constructor(source: EventSource, listener: Listener) {
    this.#source = source
    this.#listener = listener
  }

  /** Rejects with the signal's reason, and with what a poll throws. The source is closed in every case. */
  async until(signal: AbortSignal): Promise<Heard> {
    const abort = () => this.#fail(signal.reason)
    try {
      return await new Promise<Heard>((resolve, reject) => {
        this.#end = resolve
        this.#fail = reject
        signal.addEventListener('abort', abort, { once: true })
        if (signal.aborted) abort()
        this.#attach()
        this.#doubtLater(FIRST_DOUBT)
      })
    } finally {
      clearTimeout(this.#timer)
      signal.removeEventListener('abort', abort)
      this.#source.close()
    }
  }

  #attach(): void {
    this.#source.addEventListener('open', () => this.#listener.opened())
    this.#source.addEventListener('error', () => this.#broken())
    this.#source.addEventListener('gap', () => this.#listener.incomplete())
    for (const type of EVENT_TYPES) {
      this.#source.addEventListener(type, (event: MessageEvent<string>) => {
        // The types are the contract's, and so are their fields.
        this.#heard({ type, data: JSON.parse(event.data) } as RunEvent, event.lastEventId)
      })
    }
  }

  #heard(event: RunEvent, id: string): void {
    this.#news = true
    this.#failures = 0
    this.#doubts = 0
    this.#doubtLater(DOUBT)
    if (this.#listener.heard(event, id)) this.#end('news')
  }

  #broken(): void {
    this.#failures += 1
    if (this.#source.readyState === this.#source.CLOSED) this.#end('refused')
    else if (this.#failures > ITS_OWN_ATTEMPTS) this.#end(this.#news ? 'news' : 'nothing')
  }

  #doubtLater(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#doubt().catch((error: unknown) => this.#fail(error)), milliseconds)
  }

  /** News that a poll finds twice in a row, and the stream never: somebody on the way holds it back. */
  async #doubt(): Promise<void> {
    const before = this.#doubts
    this.#doubts += 1
    const news = await this.#listener.doubted()
    if (this.#doubts !== before + 1) return
    if (news && before > 0) this.#end('nothing')
    else this.#doubtLater(DOUBT)
  }
}
