/** `useChat` of AI SDK 4, which reads the data stream. */

import { useChat } from '@ai-sdk/react-1'

import { viewOf } from '../support/chat-settings.js'
import { ignore, stage } from './stage.jsx'

stage(({ api, id, body }) => {
  const settings = {
    api,
    id,
    body: { ...body, format: 'data' },
    maxSteps: 3,
    onToolCall: ({ toolCall }) => ({ sunny: true, asked: toolCall.args }),
  }
  return function Chat() {
    const chat = useChat(settings)
    window.view = viewOf(chat)
    window.chat = {
      send: (content) => ignore(chat.append({ role: 'user', content })),
      stop: () => chat.stop(),
      regenerate: () => ignore(chat.reload()),
    }
    return <pre>{JSON.stringify(window.view)}</pre>
  }
})
