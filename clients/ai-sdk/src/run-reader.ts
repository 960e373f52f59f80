/** Reading a run by polling: its status and, where the stream could not tell them, its messages. */

import { passes, refusalOf } from './responses.js'
import type { RunEvent, RunStatus } from './run-events.js'
import type { components } from './generated/api.js'
import type { ConversationState, RunState } from './run-state.js'

type Schemas = components['schemas']

export interface Server {
  /** Before `/api`; nothing for the page's own origin. */
  readonly baseUrl?: string
  /** A stream token, for the addresses of one run: an EventSource cannot send headers. */
  readonly token?: string
  /** Of every poll (`Authorization`, `X-User-Id`). */
  readonly headers?: Readonly<Record<string, string>>
  readonly fetch?: typeof fetch
}

const ANSWER_WITHIN = 10_000
/** Conversations of a run whose messages are read; of larger runs only how they ended. */
const READ_WHOLE = 20
const PAGE = 500

export class RunReader {
  readonly #runId: string
  readonly #server: Server
  /** The version of the status that was read last, and the last one whose messages were read, too. */
  #seen: string | null = null
  #caughtUp: string | null = null

  constructor(runId: string, server: Server) {
    this.#runId = runId
    this.#server = server
  }

  /** An address of the run, with what the server asks for in it. */
  url(what: string, query: Readonly<Record<string, string>> = {}): string {
    const { baseUrl = '', token } = this.#server
    const asked = new URLSearchParams({ ...query, ...(token !== undefined && { token }) }).toString()
    return `${baseUrl}/api/runs/${encodeURIComponent(this.#runId)}/${what}${asked && `?${asked}`}`
  }

  /** The status, where it changed since it was read last. Throws Refused, or what `fetch` throws. */
  async status(signal: AbortSignal): Promise<RunEvent[]> {
    const response = await this.#changed(this.#seen, signal)
    if (response === null) return []
    const data: RunStatus = await response.json()
    this.#seen = response.headers.get('ETag')
    return [{ type: 'status', data }]
  }

  /** All that `state` lacks, the status last; nothing where nothing changed. Throws as `status` does. */
  async missed(state: RunState, signal: AbortSignal): Promise<RunEvent[]> {
    const response = await this.#changed(this.#caughtUp, signal)
    if (response === null) return []
    const data: RunStatus = await response.json()
    const told = data.total <= READ_WHOLE ? await this.#conversations(state, signal) : []
    this.#seen = this.#caughtUp = response.headers.get('ETag')
    return [...told, { type: 'status', data }]
  }

  async #changed(version: string | null, signal: AbortSignal): Promise<Response | null> {
    const response = await this.#get(this.url('status'), signal, version)
    return response.status === 304 ? null : response
  }

  async #conversations(state: RunState, signal: AbortSignal): Promise<RunEvent[]> {
    const page = await this.#get(this.url('conversations', { limit: String(READ_WHOLE) }), signal)
    const { items }: Schemas['ConversationPage'] = await page.json()
    const events: RunEvent[] = []
    for (const item of items) {
      const known = state.conversations.find((one) => one.id === item.id)
      if (item.messages > (known?.messages.length ?? 0)) events.push(...(await this.#messages(item.id, known, signal)))
      if (item.endedReason && !known?.endedReason) {
        const { id, endedReason, goalReached = null } = item
        events.push({ type: 'conversation.ended', data: { conversationId: id, endedReason, goalReached } })
      }
    }
    return events
  }

  async #messages(id: string, known: ConversationState | undefined, signal: AbortSignal): Promise<RunEvent[]> {
    const { baseUrl = '', token } = this.#server
    const events: RunEvent[] = []
    let since = wholeUpTo(known)
    for (;;) {
      const asked = { sinceSeq: String(since), limit: String(PAGE), ...(token !== undefined && { token }) }
      const query = new URLSearchParams(asked).toString()
      const url = `${baseUrl}/api/conversations/${encodeURIComponent(id)}/messages?${query}`
      const view: Schemas['MessagesView'] = await (await this.#get(url, signal)).json()
      for (const message of view.messages) events.push({ type: 'message', data: { ...message, conversationId: id } })
      const last = view.messages.at(-1)
      if (!view.hasMore || last === undefined) return events
      since = last.seq
    }
  }

  async #get(url: string, signal: AbortSignal, version: string | null = null): Promise<Response> {
    const headers = { ...this.#server.headers, ...(version !== null && { 'If-None-Match': version }) }
    const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)])
    const response = await (this.#server.fetch ?? fetch)(url, { headers, signal: within })
    if (response.ok || response.status === 304) return response
    if (passes(response.status)) throw new Error(`The server answered ${response.status}.`)
    throw await refusalOf(response)
  }
}

/** The last seq below which no message is missing. */
function wholeUpTo(known: ConversationState | undefined): number {
  let seq = 0
  for (const message of known?.messages ?? []) {
    if (message.seq !== seq + 1) break
    seq = message.seq
  }
  return seq
}
