/** Chats of AI SDK 5, 6 and 7, in Node and in Chromium, on a stack where nothing breaks but what a test breaks. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { assertWhole, CLIENTS, counted, open, texts, VERSIONS, wordsOf } from '../support/chats.js'
import { GATEWAYS, json, ledger, NGINX, pace, until } from '../support/world.js'

const LONG = 40
const [GATEWAY] = GATEWAYS

/** The same for every client, side by side. */
function everybody(what, test) {
  describe(what, { concurrency: true }, () => {
    for (const client of CLIENTS)
      it(client.name, async () => {
        const opened = []
        try {
          await test(client, async (given) => {
            opened.push(await open(client, given))
            return opened.at(-1)
          })
        } finally {
          await Promise.all(opened.map((chat) => chat.leave()))
        }
      })
  })
}

async function stored(id) {
  return (await json('GET', `${GATEWAY}/api/chat/${id}`)).messages
}

let agent
async function agentWithTool() {
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const tools = [{ type: 'function', function: { name: 'get_weather', description: 'The weather.', parameters } }]
  const asked = { name: 'Weather', systemPrompt: 'You are a helpful assistant.', model: 'demo-fast', tools }
  agent ??= json('POST', `${GATEWAY}/api/agents`, asked)
  return (await agent).id
}

describe('chats of AI SDK 5, 6 and 7', () => {
  before(() => pace({ tokensPerSecond: 15 }))
  after(() => pace({ tokensPerSecond: 40 }))

  everybody('an answer, and another one after it', async (client, chat) => {
    const one = await chat()
    await one.send('Please count to 10')
    assertWhole(await one.over(), 10)
    await one.send('Please count to 12')
    const view = await one.until(
      'the second answer',
      ({ status, messages }) => status === 'ready' && messages.length === 4,
    )
    assertWhole(view, 12)
    assert.deepEqual(
      view.messages.map((message) => message.role),
      ['user', 'assistant', 'user', 'assistant'],
    )
    assert.deepEqual(
      (await stored(one.id)).map((message) => message.content),
      ['Please count to 10', counted(10), 'Please count to 12', counted(12)],
    )
  })

  everybody('text comes as it is written, through nginx too', async (client, chat) => {
    const one = await chat()
    if (NGINX) one.proxy.targets = [NGINX]
    await one.send(`Please count to ${LONG}`)
    assert.ok(wordsOf(await one.underWay()).length < LONG)
    assertWhole(await one.over(), LONG)
  })

  everybody('the answer says which model wrote it', async (client, chat) => {
    const one = await chat()
    await one.send('Please count to 3')
    const { metadata } = (await one.over()).messages.at(-1)
    assert.deepEqual([metadata.model, metadata.usage.completionTokens], ['demo-fast', 3])
  })

  for (const version of VERSIONS) {
    it(`readUIMessageStream of ai ${version}`, async () => {
      const { DefaultChatTransport, readUIMessageStream } = await import(`ai-${version}`)
      const transport = new DefaultChatTransport({ api: `${GATEWAY}/api/chat`, body: { model: 'demo-fast' } })
      const messages = [{ id: 'one', role: 'user', parts: [{ type: 'text', text: 'Please count to 10' }] }]
      const asked = { trigger: 'submit-message', chatId: `read-${version}-${Date.now()}`, messages }
      const seen = []
      for await (const message of readUIMessageStream({ stream: await transport.sendMessages(asked) }))
        seen.push(message)
      assert.deepEqual(texts({ messages: seen }), [counted(10)])
      assert.ok(seen.length > 10)
    })
  }

  everybody('an answer is written again', async (client, chat) => {
    const one = await chat()
    await one.send('Please count to 10')
    const first = await one.over()
    await one.regenerate()
    await one.until('it is written again', ({ status }) => status !== 'ready')
    const second = await one.over()
    assertWhole(second, 10)
    assert.equal(second.messages.length, 2)
    assert.notEqual(second.messages[1].id, first.messages[1].id)
    assert.deepEqual((await stored(one.id)).length, 2)
  })

  everybody('a chat is loaded from the server, edited, and goes on', async (client, chat) => {
    const before = await chat()
    await before.send('Please count to 4')
    assertWhole(await before.over(), 4)
    const one = await chat({ id: before.id, messages: await stored(before.id) })
    const [question] = (await one.view()).messages
    await one.edit(question.id, 'Please count to 6')
    await one.until('the question is another one', ({ messages }) => messages[0].parts[0].text === 'Please count to 6')
    assertWhole(await one.over(), 6)
    await one.send('Please count to 8')
    const whole = ({ status, messages }) => status === 'ready' && messages.length === 4
    assertWhole(await one.until('the next answer', whole), 8)
    assert.deepEqual(
      (await stored(one.id)).map((message) => message.content),
      ['Please count to 6', counted(6), 'Please count to 8', counted(8)],
    )
  })

  everybody('a stop ends the answer, and the call', async (client, chat) => {
    const { next } = await ledger()
    const one = await chat()
    await one.send('Please count to 900')
    await one.underWay()
    await one.stop()
    const view = await one.over()
    assert.deepEqual([view.status, view.error], ['ready', null])
    const kept = await until('the stopped answer is kept', async () => (await stored(one.id))[1])
    assert.equal(kept.metadata.finishReason, 'stopped')
    assert.ok(kept.content.startsWith(wordsOf(view).join(' ')), `${kept.content} begins with what was seen`)
    // All that stop at the same time: none of their calls goes on, and none came to its end.
    const closed = ({ calls }) => calls.every((call) => call.outcome === 'client_closed')
    await until('the calls are closed', async () => closed(await ledger(next)))
  })

  everybody('a connection that breaks in the middle is resumed', async (client, chat) => {
    const one = await chat()
    await one.send(`Please count to ${LONG}`)
    await one.underWay()
    one.proxy.cut()
    await one.underWay(15)
    one.proxy.cut()
    assertWhole(await one.over(), LONG)
    assert.ok(one.proxy.cuts >= 2)
  })

  everybody('an answer is resumed by somebody who comes anew', async (client, chat) => {
    const asked = `Please count to ${LONG}`
    const one = await chat()
    // As a page that is loaded again: without anything of ours, and with what stands in the chat so far.
    const messages = [{ id: 'question', role: 'user', parts: [{ type: 'text', text: asked }] }]
    const other = await chat({ id: one.id, messages, resuming: false })
    await one.send(asked)
    await one.underWay()
    await other.resume()
    assertWhole(await other.over(), LONG)
    assertWhole(await one.over(), LONG)
  })

  everybody('a broken page goes on when it is looked at again', async (client, chat) => {
    if (client.in !== 'browser') return
    // AI SDK 7 comes again by itself, and begins anew; 5 and 6 would have the answer twice without our fetch.
    const alone = client.version === 7
    const one = await chat({ resuming: !alone, resume: true })
    await one.send(`Please count to ${LONG}`)
    await one.underWay()
    one.proxy.cut()
    if (alone) await one.until('the chat is broken', ({ status }) => status === 'error')
    await one.look()
    assertWhole(await one.until('it goes on', ({ status }) => status === 'ready'), LONG)
    assert.equal((await one.view()).messages.length, 2)
  })

  everybody('where there is nothing to resume, nothing happens', async (client, chat) => {
    const unknown = await chat()
    await unknown.resume()
    const read = await chat()
    await read.send('Please count to 5')
    assertWhole(await read.over(), 5)
    await read.resume()
    const { messages, ...rest } = await unknown.view()
    assert.deepEqual([rest, messages], [{ status: 'ready', error: null }, []])
    const view = await read.until('the resume is answered', ({ status }) => status === 'ready')
    assertWhole(view, 5)
    assert.equal(view.messages.length, 2)
  })

  everybody('a model that refuses is an error with a sentence', async (client, chat) => {
    const one = await chat({ body: { model: 'demo-fast+500' } })
    await one.send('Please count to 5')
    const view = await one.over(60)
    assert.equal(view.status, 'error')
    assert.match(view.error, /\w+ .*\./)
    assert.doesNotMatch(view.error, /Traceback|http:/)
  })

  everybody('a request that cannot be is an error with a sentence', async (client, chat) => {
    const one = await chat({ body: { model: 'no-such-model' } })
    await one.send('Please count to 5')
    const view = await one.over()
    assert.equal(view.status, 'error')
    assert.match(view.error, /no-such-model/)
  })

  everybody('a model that dies in the middle is mended', async (client, chat) => {
    const one = await chat({ body: { model: 'demo-fast+once-cut-10' } })
    await one.send(`Hello from ${client.name}: please count to 20`)
    const view = await one.over(60)
    assert.deepEqual([view.status, view.error], ['ready', null])
    const told = texts(view)
    assert.equal(told.at(-1), counted(20))
    if (client.version === 7) return assert.equal(told.length, 1)
    // Older clients cannot take text back: the whole answer is a step of its own.
    assert.deepEqual([told.length, counted(20).startsWith(told[0])], [2, true])
  })

  everybody('a model that dies every time is an error', async (client, chat) => {
    const one = await chat({ body: { model: 'demo-fast+cut-10' } })
    await one.send('Please count to 20')
    const view = await one.over(60)
    assert.deepEqual([view.status, Boolean(view.error)], ['error', true])
  })

  everybody('a tool is asked for, answered here, and what it said is used', async (client, chat) => {
    const agentId = await agentWithTool()
    const one = await chat({ body: { agentId } })
    await one.send('Please use the tool for Oslo')
    const view = await one.until(
      'the answer',
      ({ status, messages }) => status === 'ready' && texts({ messages }).length > 0,
    )
    assert.match(texts(view).at(-1), /found out.*sunny/)
    const tool = view.messages.flatMap((message) => message.parts).find((part) => part.toolCallId)
    assert.deepEqual([tool.state, tool.input], ['output-available', { city: 'Oslo' }])
  })
})
