/**
 * A run, live: its state folded from the event stream, and from polling wherever there is no stream.
 *
 *     status ──> stream ──breaks──> poll and wait ──> stream from the last id ──> ... ──> run.ended
 */

import { PollingPace } from './polling-pace.js'
import { Refused } from './responses.js'
import type { RunEvent } from './run-events.js'
import { RunReader, type Server } from './run-reader.js'
import { fold, type RunState, UNKNOWN_RUN } from './run-state.js'
import { type Heard, RunStream } from './run-stream.js'
import { backoff, pause } from './waiting.js'

export interface WatchOptions extends Server {
  /** Only this conversation; in runs of more than 64 its live text is told nowhere else. */
  readonly conversation?: string
  /** Where the platform has none (Node 20): the class of the package `eventsource`. Without any, the run is polled. */
  readonly EventSource?: typeof EventSource
}

export interface RunView extends RunState {
  readonly connection: 'connecting' | 'streaming' | 'polling' | 'closed'
  /** Why the run cannot be watched: it is unknown, or not ours. Everything else is tried again. */
  readonly error: Error | null
}

/** What a UI needs of a store (React's `useSyncExternalStore`). It is connected while somebody listens. */
export interface RunWatch {
  readonly getSnapshot: () => RunView
  readonly subscribe: (listener: () => void) => () => void
}

/** Events come faster than anybody sees: listeners are told once a frame. */
const FRAME = 16

export function watchRun(runId: string, options: WatchOptions = {}): RunWatch {
  const watcher = new Watcher(runId, options)
  return { getSnapshot: () => watcher.view, subscribe: (listener) => watcher.subscribe(listener) }
}

class Watcher {
  view: RunView = { ...UNKNOWN_RUN, connection: 'connecting', error: null }
  readonly #options: WatchOptions
  readonly #reader: RunReader
  readonly #pace = new PollingPace()
  readonly #listeners = new Set<() => void>()
  #next: RunView = this.view
  #telling: ReturnType<typeof setTimeout> | null = null
  #life: AbortController | null = null
  #cursor: string | null = null
  #over = false

  constructor(runId: string, options: WatchOptions) {
    this.#options = options
    this.#reader = new RunReader(runId, options)
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    if (this.#life === null && !this.#over) {
      this.#life = new AbortController()
      void this.#live(this.#life.signal)
    }
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#life?.abort()
      this.#life = null
    }
  }

  /** Ends with the run, with a refusal, or when nobody listens any more. */
  async #live(signal: AbortSignal): Promise<void> {
    try {
      await this.#poll(() => this.#reader.status(signal), signal)
      let failures = 0
      while (!this.#over) {
        const heard = await this.#listen(signal)
        if (this.#over) break
        failures = heard === 'news' ? 0 : failures + 1
        if (heard === 'refused') await this.#catchUp(signal)
        await this.#wait(backoff(failures), signal)
      }
      this.#show({ connection: 'closed' })
    } catch (error) {
      if (signal.aborted) return
      this.#over = true
      this.#show({ connection: 'closed', error: error instanceof Error ? error : new Error(String(error)) })
    }
  }

  async #listen(signal: AbortSignal): Promise<Heard> {
    const Source = this.#options.EventSource ?? globalThis.EventSource
    if (Source === undefined) return 'nothing'
    const { conversation } = this.#options
    const query = {
      ...(conversation !== undefined && { conversation }),
      ...(this.#cursor !== null && { lastEventId: this.#cursor }),
    }
    const stream = new RunStream(new Source(this.#reader.url('events', query)), {
      opened: () => this.#show({ connection: 'streaming' }),
      heard: (event, id) => this.#hear(event, id),
      incomplete: () => void this.#catchUp(signal, true).catch(() => undefined),
      doubted: () => this.#poll(() => this.#reader.status(signal), signal),
    })
    return stream.until(signal)
  }

  #hear(event: RunEvent, id: string): boolean {
    this.#cursor = id || this.#cursor
    this.#tell([event])
    this.#over = event.type === 'run.ended'
    return this.#over
  }

  /** Spends the time until the next attempt polling, as far as it is long enough for that. */
  async #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    let left = milliseconds
    while (left > 0 && !this.#over) {
      const step = Math.min(left, this.#pace.next())
      await pause(step, signal)
      await this.#pace.untilWanted(signal)
      left -= step
      if (left > 0) {
        this.#show({ connection: 'polling' })
        await this.#catchUp(signal)
      }
    }
  }

  async #catchUp(signal: AbortSignal, streaming = false): Promise<void> {
    await this.#poll(() => this.#reader.missed(this.#next, signal), signal)
    this.#over ||= !streaming && this.#next.ended
  }

  /** Whether there was news. Throws Refused; a server that is away has none. */
  async #poll(read: () => Promise<RunEvent[]>, signal: AbortSignal): Promise<boolean> {
    try {
      const events = await read()
      this.#tell(events)
      this.#pace.note(events.length > 0)
      return events.length > 0
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof Refused) throw error
      this.#pace.note(false)
      return false
    }
  }

  #tell(events: readonly RunEvent[]): void {
    const state = events.reduce<RunState>(fold, this.#next)
    if (state !== this.#next) this.#show(state)
  }

  #show(change: Partial<RunView>): void {
    this.#next = { ...this.#next, ...change }
    this.#telling ??= setTimeout(() => {
      this.#telling = null
      this.view = this.#next
      for (const listener of this.#listeners) listener()
    }, FRAME)
  }
}
