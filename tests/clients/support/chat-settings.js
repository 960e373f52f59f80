/** What a chat of AI SDK 5, 6 or 7 is made with, in Node and in the browser alike. */

import { resumingFetch } from '@agentwars/ai-sdk'

/** `given`: what the test asks for, as plain data. `sdk` is the module `ai`. */
export function chatSettings(sdk, given, chat) {
  const fetch = given.resuming ? resumingFetch({ aiSdkVersion: given.version, stopOnAbort: true }) : undefined
  const transport = new sdk.DefaultChatTransport({ api: given.api, body: given.body, fetch })
  return {
    id: given.id,
    messages: given.messages ?? [],
    transport,
    // An answer to a tool belongs after the stream that asked for it: awaited here, the chat would wait for itself.
    onToolCall: ({ toolCall }) => void answerTool(chat(), toolCall),
    sendAutomaticallyWhen: sdk.lastAssistantMessageIsCompleteWithToolCalls,
  }
}

function answerTool(chat, { toolCallId, toolName, input }) {
  const add = chat.addToolOutput ?? chat.addToolResult
  add({ tool: toolName, toolCallId, output: { sunny: true, asked: input } })
}

/** The part of a chat that a test looks at, as plain data. */
export function viewOf({ status, error, messages }) {
  return { status, error: error ? error.message : null, messages }
}
