/** A chat server that says what it is told to, and breaks where it is told to. */

import { EventEmitter } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

export class StandIn {
  /** Emits `request` with what was asked, and `close` when a connection's answer is over. */
  readonly news = new EventEmitter()
  readonly seen: Seen[] = []
  readonly #answers: Answer[]
  readonly #server = createServer((request, response) => {
    const seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers }
    this.seen.push(seen)
    this.news.emit('request', seen)
    response.on('close', () => this.news.emit('close'))
    const answer = request.url?.endsWith('/stop') ? status(202) : (this.#answers.shift() ?? status(500))
    answer(request, response)
  })

  /** Its answers in the order of the requests; after the last one it answers 500. */
  constructor(...answers: Answer[]) {
    this.#answers = answers
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/chat`
  }
}

/** An answer without a stream. */
export function status(code: number, body?: object): Answer {
  return (_, response) => {
    response.writeHead(code, { 'content-type': 'application/json' })
    response.end(body ? JSON.stringify(body) : undefined)
  }
}

/** A stream that ends after `text`: cleanly, by a reset, or never. */
export function stream(text: string, end: 'clean' | 'reset' | 'open' = 'clean'): Answer {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-conversation-id': 'chat 1' })
    response.write(`retry: 1\n: connected\n\n${text}`, () => {
      if (end === 'clean') response.end()
      // A moment for the client to read what was sent: a reset throws away what is on its way.
      if (end === 'reset') setTimeout(() => response.destroy(), 5)
    })
  }
}

/** The frames of a whole answer, with ids. */
export function frames(...chunks: readonly object[]): string[] {
  return chunks.map((chunk, index) => `id: c-${index}\ndata: ${JSON.stringify(chunk)}\n\n`)
}

export const ANSWER = frames(
  { type: 'start', messageId: 'm' },
  { type: 'start-step' },
  { type: 'text-start', id: 't' },
  { type: 'text-delta', id: 't', delta: 'Grüße ' },
  { type: 'text-delta', id: 't', delta: 'aus Köln' },
  { type: 'text-end', id: 't' },
  { type: 'finish-step' },
  { type: 'finish' },
)
