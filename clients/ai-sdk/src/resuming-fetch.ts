/**
 * A `fetch` for the AI SDK's `DefaultChatTransport` whose answers survive broken connections.
 *
 *     POST {api} ──breaks──> wait ──> GET {api}/{chat}/stream, Last-Event-ID: <last id> ──breaks──> ... ──> finish
 *
 * The transport reads one body from `start` to `finish`: every frame once, whole, in order. `useChat` by itself never
 * sends `Last-Event-ID`, and takes a body that ends without a last chunk for a whole answer.
 */

import { type ChatAddress, chatAddress } from './chat-address.js'
import { isEventStream } from './responses.js'
import { ResumingBody } from './resuming-body.js'

export interface ResumingFetchOptions {
  /** Said to the server, which mends a provider's death inside one message for clients of AI SDK 7. */
  readonly aiSdkVersion?: 5 | 6 | 7
  /** `stop()` of `useChat` ends the generation at once, instead of after the time nobody reads it. */
  readonly stopOnAbort?: boolean
  /** Attempts in a row that bring nothing new before the answer is given up. */
  readonly attempts?: number
  readonly fetch?: typeof fetch
}

const ATTEMPTS = 10
const STOP_TIMEOUT = 10_000

/** Answers that are no event stream, or name no chat, pass through as they are. */
export function resumingFetch(options: ResumingFetchOptions = {}): typeof fetch {
  return async (input, init = {}) => {
    const send = options.fetch ?? fetch
    const headers = headersOf(input, init, options.aiSdkVersion)
    const signal = init.signal ?? (input instanceof Request ? input.signal : null)
    const connection = new AbortController()
    const joined = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal
    const address = chatAddress(input, init)
    const again: RequestInit = { ...init, method: 'GET', body: null, headers: withoutBody(headers) }
    const forgetStop = signal && options.stopOnAbort ? stopWith(signal, address, send, again) : () => undefined
    const response = await send(input, { ...init, headers, signal: joined })
    address.read(response)
    if (!isEventStream(response) || response.body === null || address.stream === null) {
      forgetStop()
      return response
    }
    const body = new ResumingBody({
      first: response.body,
      connection,
      again: (lastId, signal) => send(address.stream ?? '', { ...again, headers: withCursor(again, lastId), signal }),
      signal,
      attempts: options.attempts ?? ATTEMPTS,
      over: forgetStop,
    })
    const { status, statusText } = response
    return new Response(body.stream(), { status, statusText, headers: response.headers })
  }
}

function headersOf(input: RequestInfo | URL, init: RequestInit, version: number | undefined): Headers {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
  if (version !== undefined) headers.set('X-AI-SDK', String(version))
  return headers
}

function withoutBody(headers: Headers): Headers {
  const kept = new Headers(headers)
  for (const name of ['content-type', 'content-length']) kept.delete(name)
  return kept
}

function withCursor(request: RequestInit, lastId: string | null): Headers {
  const headers = new Headers(request.headers)
  headers.set('Accept', 'text/event-stream')
  if (lastId !== null) headers.set('Last-Event-ID', lastId)
  return headers
}

/** Returns what takes it back, once the answer is over. */
function stopWith(signal: AbortSignal, address: ChatAddress, send: typeof fetch, again: RequestInit): () => void {
  const stop = () => {
    if (address.stop === null) return
    const request = { ...again, method: 'POST', keepalive: true, signal: AbortSignal.timeout(STOP_TIMEOUT) }
    // A stop that is lost costs little: an answer that nobody reads is ended by the server.
    send(address.stop, request).catch(() => undefined)
  }
  signal.addEventListener('abort', stop, { once: true })
  return () => signal.removeEventListener('abort', stop)
}
