/** The official openai package of Node, against `/v1`. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import OpenAI from 'openai'

import { GATEWAYS } from '../support/world.js'
import { counted } from '../support/chats.js'

const client = new OpenAI({ baseURL: `${GATEWAYS[0]}/v1`, apiKey: 'none', maxRetries: 0, timeout: 30_000 })
const asked = { model: 'demo-fast', messages: [{ role: 'user', content: 'Please count to 20' }] }

describe('the openai package', () => {
  it('an answer is streamed', async () => {
    const stream = await client.chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let last
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      last = chunk
    }
    assert.equal(text, counted(20))
    assert.equal(last.usage.completion_tokens, 20)
  })

  it('an answer is given whole', async () => {
    const { choices, usage } = await client.chat.completions.create(asked)
    assert.deepEqual([choices[0].message.content, choices[0].finish_reason], [counted(20), 'stop'])
    assert.equal(usage.completion_tokens, 20)
  })

  it('tools are asked for', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } } }
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters } }]
    const messages = [{ role: 'user', content: 'Please use the tool for Oslo' }]
    const { choices } = await client.chat.completions.create({ model: 'demo-fast', messages, tools })
    const [call] = choices[0].message.tool_calls
    assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ['get_weather', { city: 'Oslo' }])
  })

  it('models are listed, and an unknown one is refused', async () => {
    const model = (await client.models.list()).data.map(({ id }) => id).find((id) => id.endsWith('demo-fast'))
    const { choices } = await client.chat.completions.create({ ...asked, model })
    assert.equal(choices[0].message.content, counted(20))
    await assert.rejects(client.chat.completions.create({ ...asked, model: 'no-such-model' }), (error) => {
      assert.ok(error instanceof OpenAI.APIError)
      assert.equal(Math.trunc(error.status / 100), 4)
      return true
    })
  })
})
