/** Every way in which an application of today chats, behind one small interface. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import { browserChat } from './browser.js'
import { nodeChat } from './node-chat.js'
import { Proxy } from './proxy.js'
import { CHROMIUM, GATEWAYS, until } from './world.js'

export const VERSIONS = [5, 6, 7]
/** Clients of the UI message stream: the SDK's chat in Node, and `useChat` in Chromium. */
export const CLIENTS = [
  ...VERSIONS.map((version) => ({ name: `ai ${version} in Node`, version, in: 'node' })),
  ...(CHROMIUM ? VERSIONS.map((version) => ({ name: `useChat ${version} in Chromium`, version, in: 'browser' })) : []),
]
/** And of the data stream of AI SDK 4. */
export const CLIENT_4 = { name: 'useChat 4 in Chromium', version: 4, in: 'browser' }

/** A new chat through a proxy of its own; `given` goes into the request's body, and into the chat. */
export async function open(client, { body, ...given } = {}) {
  const proxy = await new Proxy(GATEWAYS[0]).start()
  const id = given.id ?? `${client.version}-${randomUUID()}`
  const about = { version: client.version, api: `${proxy.url}/api/chat`, id, resuming: true }
  const all = { ...about, body: { model: 'demo-fast', ...body }, ...given }
  const chat = client.in === 'node' ? await nodeChat(all) : await browserChat(all)
  return new Chat(id, proxy, chat)
}

class Chat {
  constructor(id, proxy, chat) {
    this.id = id
    this.proxy = proxy
    for (const act of ['send', 'edit', 'stop', 'regenerate', 'resume', 'look', 'view']) this[act] = chat[act]
    this.leave = async () => {
      await chat.leave()
      await proxy.stop()
    }
  }

  /** The view that `look` is content with. */
  async until(what, look, seconds) {
    let view
    try {
      return await until(what, async () => look((view = await this.view())) && view, seconds)
    } catch (error) {
      throw new Error(`${error.message}; the chat: ${JSON.stringify(view)}`)
    }
  }

  /** The view once the answer is over, one way or another. */
  async over(seconds) {
    const ended = ({ status, messages }) => ['ready', 'error'].includes(status) && messages.at(-1)?.role === 'assistant'
    return this.until('the answer is over', (view) => view.status === 'error' || ended(view), seconds)
  }

  /** The view of an answer that is being written, `words` long or longer. */
  async underWay(words = 5) {
    const long = (view) => wordsOf(view).length >= words
    return this.until(`${words} words`, (view) => view.status === 'streaming' && long(view))
  }
}

/** What the last message says: its text parts, in order. */
export function texts(view) {
  const last = view.messages.at(-1)
  if (last?.role !== 'assistant') return []
  if (!last.parts?.some((part) => part.type === 'text')) return last.content ? [last.content] : []
  return last.parts.filter((part) => part.type === 'text').map((part) => part.text)
}

export function wordsOf(view) {
  return (texts(view).at(-1) ?? '').split(' ').filter(Boolean)
}

/** `1 2 3 ... n`, which is how the model counts: whatever is lost or doubled shows. */
export function counted(n) {
  return Array.from({ length: n }, (_, index) => index + 1).join(' ')
}

export function assertWhole(view, n) {
  assert.deepEqual([view.status, view.error, texts(view)], ['ready', null, [counted(n)]])
}
