/** What dies while chats are written: a gateway, and every reader. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { assertWhole, CLIENTS, counted, open } from '../support/chats.js'
import { endGateway, GATEWAYS, json, ledger, pace, until, untilReady } from '../support/world.js'

const LONG = 60

describe('chats while something dies', () => {
  before(() => pace({ tokensPerSecond: 10 }))
  after(() => pace({ tokensPerSecond: 40 }))

  for (const how of ['kill', 'stop']) {
    it(`a gateway ends (${how}), and every answer goes on at the other one`, async () => {
      const { next } = await ledger()
      const chats = await Promise.all(CLIENTS.map((client) => open(client)))
      await Promise.all(chats.map((chat) => chat.send(`Please count to ${LONG}`)))
      await Promise.all(chats.map((chat) => chat.underWay()))
      for (const chat of chats) chat.proxy.targets = [GATEWAYS[1]]
      await endGateway(0, how)
      for (const chat of chats) assertWhole(await chat.over(60), LONG)
      await Promise.all(chats.map((chat) => chat.leave()))
      await untilReady(0)
      const { calls } = await ledger(next)
      assert.deepEqual(
        calls.map((call) => call.outcome),
        CLIENTS.map(() => 'finished'),
      )
    })
  }

  it('an answer that nobody reads any more is ended', async () => {
    const { next } = await ledger()
    const id = `left-${Date.now()}`
    const reading = new AbortController()
    const question = { id, model: 'demo-fast', message: 'Please count to 900' }
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify(question)
    const answer = await fetch(`${GATEWAYS[0]}/api/chat`, { method: 'POST', headers, body, signal: reading.signal })
    await answer.body.getReader().read()
    reading.abort()
    const call = await until(
      'the call is closed',
      async () => {
        const { calls } = await ledger(next)
        return calls.find((one) => one.outcome === 'client_closed')
      },
      45,
    )
    assert.ok(call.completionTokens > 0 && call.completionTokens < 900)
    const kept = await until('what was written is kept', async () => {
      const { messages } = await json('GET', `${GATEWAYS[0]}/api/chat/${id}`)
      return messages[1]
    })
    assert.ok(counted(900).startsWith(kept.content))
  })
})
