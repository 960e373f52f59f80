/** Clients of others in a browser: the openai package, and fetch-event-source, which posts and comes again for ever. */

import { fetchEventSource } from '@microsoft/fetch-event-source'
import OpenAI from 'openai'

const { gateway } = window.given

window.begin = {
  async openai(asked) {
    const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: 'none', dangerouslyAllowBrowser: true, maxRetries: 0 })
    const whole = await client.chat.completions.create(asked)
    let streamed = ''
    for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
      streamed += chunk.choices[0]?.delta.content ?? ''
    }
    return [whole.choices[0].message.content, streamed]
  },
  async chat(body) {
    const read = []
    let opened = 0
    await fetchEventSource(`${gateway}/api/chat/sse`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      openWhenHidden: true,
      async onopen() {
        opened += 1
      },
      onmessage({ data }) {
        read.push(data === '[DONE]' ? data : JSON.parse(data).content)
      },
    })
    return { opened, read }
  },
}
