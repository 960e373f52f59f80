/** `useChat` of AI SDK 4, over the data stream. */

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'

import { CLIENT_4, counted, open, wordsOf } from '../support/chats.js'
import { CHROMIUM, GATEWAYS, json } from '../support/world.js'

const skip = CHROMIUM ? false : 'Chromium is not here'
const opened = []

async function chat(given) {
  opened.push(await open(CLIENT_4, given))
  return opened.at(-1)
}

describe('useChat of AI SDK 4', { skip }, () => {
  after(() => Promise.all(opened.map((chat) => chat.leave())))

  it('an answer, and again', async () => {
    const one = await chat()
    await one.send('Please count to 10')
    let view = await one.over()
    assert.deepEqual([view.status, view.messages.at(-1).content], ['ready', counted(10)])
    await one.regenerate()
    await one.until('it is written again', ({ status }) => status !== 'ready')
    view = await one.over()
    assert.deepEqual([view.messages.length, view.messages.at(-1).content], [2, counted(10)])
  })

  it('a stop keeps what was read', async () => {
    const one = await chat()
    await one.send('Please count to 400')
    await one.underWay()
    await one.stop()
    const view = await one.over()
    assert.equal(view.status, 'ready')
    assert.ok(wordsOf(view).length >= 5)
    await json('POST', `${GATEWAYS[0]}/api/chat/${one.id}/stop`)
  })

  it('a model that refuses is an error with a sentence', async () => {
    const one = await chat({ body: { model: 'demo-fast+500' } })
    await one.send('Please count to 5')
    const view = await one.over(60)
    assert.equal(view.status, 'error')
    assert.match(view.error, /\w+ .*\./)
  })

  it('a tool is asked for, answered here, and what it said is used', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } } }
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters } }]
    const asked = { name: 'Weather', systemPrompt: 'You are a helpful assistant.', model: 'demo-fast', tools }
    const { id: agentId } = await json('POST', `${GATEWAYS[0]}/api/agents`, asked)
    const one = await chat({ body: { agentId } })
    await one.send('Please use the tool for Oslo')
    const told = ({ status, messages }) => status === 'ready' && /found out.*sunny/.test(messages.at(-1)?.content)
    const view = await one.until('the answer', told)
    const used = view.messages.flatMap((message) => message.parts ?? []).find((part) => part.type === 'tool-invocation')
    assert.deepEqual(used.toolInvocation.args, { city: 'Oslo' })
  })
})
