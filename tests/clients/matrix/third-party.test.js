/** Clients of others in Chromium: nothing is asked of a model twice, and nothing but events is read. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'

import { theBrowser } from '../support/browser.js'
import { counted } from '../support/chats.js'
import { CHROMIUM, GATEWAYS, ledger } from '../support/world.js'

const skip = CHROMIUM ? false : 'Chromium is not here'
const question = 'Please count to 5'

describe('clients of others in Chromium', { skip }, () => {
  let page
  before(async () => {
    page = await (await theBrowser()).open('third-party', { gateway: GATEWAYS[0] })
  })
  after(() => page?.context().close())

  it('the openai package streams an answer, and is given one whole', async () => {
    const asked = { model: 'demo-fast', messages: [{ role: 'user', content: question }] }
    const answers = await page.evaluate((given) => window.begin.openai(given), asked)
    assert.deepEqual(answers, [counted(5), counted(5)])
  })

  it('fetch-event-source posts once, and reads nothing but the answer', async () => {
    const { next } = await ledger()
    const body = { id: randomUUID(), model: 'demo-fast', message: question }
    const { opened, read } = await page.evaluate((given) => window.begin.chat(given), body)
    assert.equal(opened, 1)
    assert.deepEqual([read.slice(0, -1).join(''), read.at(-1)], [counted(5), '[DONE]'])
    assert.equal((await ledger(next)).calls.length, 1)
  })
})
