/** `useChat` of AI SDK 5, 6 and 7. */

import { useChat } from 'the-sdk-for-react'
import * as sdk from 'the-sdk'

import { chatSettings, viewOf } from '../support/chat-settings.js'
import { ignore, stage } from './stage.jsx'

stage((given) => {
  let chat
  const settings = chatSettings(sdk, given, () => chat)
  return function Chat() {
    chat = useChat({ ...settings, resume: given.resume })
    window.view = viewOf(chat)
    window.chat = {
      send: (text) => ignore(chat.sendMessage({ text })),
      edit: (messageId, text) => ignore(chat.sendMessage({ text, messageId })),
      stop: () => ignore(chat.stop()),
      regenerate: () => ignore(chat.regenerate()),
      resume: () => ignore(chat.resumeStream()),
      look: () => document.dispatchEvent(new Event('visibilitychange')),
    }
    return <pre>{JSON.stringify(window.view)}</pre>
  }
})
