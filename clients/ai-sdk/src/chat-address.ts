/** Where a chat is resumed and stopped, told from the request that asked and the headers of its answer. */

export class ChatAddress {
  readonly #path: string
  readonly #query: string
  #chat: string | null

  constructor(path: string, query: string, chat: string | null) {
    this.#path = path.replace(/\/+$/, '')
    this.#query = query
    this.#chat = chat
  }

  /** The server's own id of the chat, which its answers carry, stands for the client's from then on. */
  read(response: Response): void {
    this.#chat = response.headers.get('X-Conversation-Id') ?? response.headers.get('X-Stream-Id') ?? this.#chat
  }

  /** Null as long as nobody has named the chat. */
  get stream(): string | null {
    return this.#of('stream')
  }

  get stop(): string | null {
    return this.#of('stop')
  }

  #of(what: string): string | null {
    return this.#chat === null ? null : `${this.#path}/${encodeURIComponent(this.#chat)}/${what}${this.#query}`
  }
}

/** Of `POST {api}`, and of `GET {api}/{chat}/stream`, which is how the AI SDK resumes by itself. */
export function chatAddress(input: RequestInfo | URL, init: RequestInit): ChatAddress {
  const url = input instanceof Request ? input.url : String(input)
  const [, path = '', query = ''] = /^([^?#]*)(\?[^#]*)?/.exec(url) ?? []
  const resumed = /^(.*)\/([^/]+)\/stream$/.exec(path)
  const method = init.method ?? (input instanceof Request ? input.method : 'GET')
  if (method.toUpperCase() === 'GET' && resumed?.[1] !== undefined && resumed[2] !== undefined) {
    return new ChatAddress(resumed[1], query, decodeURIComponent(resumed[2]))
  }
  return new ChatAddress(path, query, chatInBody(init.body))
}

function chatInBody(body: BodyInit | null | undefined): string | null {
  if (typeof body !== 'string') return null
  try {
    const id: unknown = JSON.parse(body)?.id
    return typeof id === 'string' ? id : null
  } catch {
    return null
  }
}
