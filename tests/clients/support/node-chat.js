/** `useChat` without React: the SDK's own chat, its state kept here. */

import { chatSettings, viewOf } from './chat-settings.js'

class State {
  status = 'ready'
  error = undefined

  constructor(messages) {
    this.messages = messages
  }

  pushMessage = (message) => {
    this.messages = [...this.messages, message]
  }

  popMessage = () => {
    this.messages = this.messages.slice(0, -1)
  }

  replaceMessage = (index, message) => {
    this.messages = this.messages.with(index, structuredClone(message))
  }

  snapshot = (thing) => structuredClone(thing)
}

export async function nodeChat(given) {
  const sdk = await import(`ai-${given.version}`)
  class Chat extends sdk.AbstractChat {
    constructor(settings) {
      super({ ...settings, state: new State(settings.messages) })
    }
  }
  const chat = new Chat(chatSettings(sdk, given, () => chat))
  // What a chat does is read from its state: its promises end when its streams do.
  const ignore = (promise) => void Promise.resolve(promise).catch(() => undefined)
  return {
    view: async () => viewOf(chat),
    send: async (text) => ignore(chat.sendMessage({ text })),
    edit: async (messageId, text) => ignore(chat.sendMessage({ text, messageId })),
    stop: async () => ignore(chat.stop()),
    regenerate: async () => ignore(chat.regenerate()),
    resume: async () => ignore(chat.resumeStream()),
    leave: async () => undefined,
  }
}
