/** A run followed by native EventSources through ten forced reconnects, over two gateways, and through nginx. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { watchRun } from '@agentwars/ai-sdk'
import { EventSource } from 'eventsource'

import { theBrowser } from '../support/browser.js'
import { Proxy } from '../support/proxy.js'
import { CHROMIUM, GATEWAYS, json, NGINX, pace, until } from '../support/world.js'

const TYPES = [
  ...['run.started', 'attempt.started', 'attempt.discarded', 'delta', 'message', 'judgement', 'conversation.ended'],
  ...['progress', 'report.ready', 'run.ended', 'snapshot', 'gap'],
]
const RECONNECTS = 10
/** More than an answer's head and its largest event, far less than a run. */
const BUDGET = 6_000
const skip = CHROMIUM ? false : 'Chromium is not here'
const skipNginx = NGINX ? false : 'nginx is not here'

let runId
const proxies = []

/** Cuts every connection after a few kilobytes, ten times; then lets go. */
async function cutting(...targets) {
  const proxy = await new Proxy(...targets).start()
  proxy.budget = BUDGET
  proxies.push(proxy)
  void until('ten cuts', () => proxy.cuts >= RECONNECTS, 120).then(
    () => (proxy.budget = Infinity),
    () => undefined,
  )
  return proxy
}

/** The stream as it stands once the run has ended, read without a break. */
async function whole() {
  await until('the run ends', async () => (await json('GET', `${GATEWAYS[0]}/api/runs/${runId}/status`)).terminal, 90)
  const response = await fetch(`${GATEWAYS[1]}/api/runs/${runId}/events`, { signal: AbortSignal.timeout(30_000) })
  return Array.from((await response.text()).matchAll(/^id: (.*)\nevent: (.*)\n/gm), ([, id, type]) => `${id} ${type}`)
}

async function assertTold(proxy, events) {
  assert.ok(proxy.cuts >= RECONNECTS, `${proxy.cuts} cuts`)
  assert.deepEqual(events, await whole())
}

async function inNode(proxy) {
  const events = []
  const source = new EventSource(`${proxy.url}/api/runs/${runId}/events`)
  await new Promise((resolve, reject) => {
    for (const type of TYPES) {
      source.addEventListener(type, ({ lastEventId }) => {
        events.push(`${lastEventId} ${type}`)
        if (type === 'run.ended') resolve()
      })
    }
    source.addEventListener('error', (error) => source.readyState === source.CLOSED && reject(error))
  }).finally(() => source.close())
  await assertTold(proxy, events)
}

async function inChromium(proxy) {
  const page = await (await theBrowser()).open('events', { url: `${proxy.url}/api/runs/${runId}/events`, types: TYPES })
  const view = await until(
    'the run ends',
    () => page.evaluate(() => (window.view.ended || window.view.failed) && window.view),
    120,
  )
  await page.context().close()
  assert.equal(view.failed, false)
  await assertTold(proxy, view.events)
}

describe('every event once, in order', { concurrency: true }, () => {
  before(async () => {
    await pace({ tokensPerSecond: 60 })
    const prompt = 'You are the support agent of Kettle & Co. Ask for the order number.'
    const agent = await json('POST', `${GATEWAYS[0]}/api/agents`, {
      name: 'Kettle',
      systemPrompt: prompt,
      model: 'demo-fast',
    })
    const asked = { agentId: agent.id, runs: 3, messageLimit: 8, seed: 5 }
    runId = (await json('POST', `${GATEWAYS[0]}/api/scale/start`, asked)).runId
  })
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()))
    await pace({ tokensPerSecond: 40 })
  })

  it('EventSource in Node, over two gateways', async () => inNode(await cutting(...GATEWAYS)))
  it('EventSource in Node, through nginx', { skip: skipNginx }, async () => inNode(await cutting(NGINX)))
  it('EventSource in Chromium, over two gateways', { skip }, async () => inChromium(await cutting(...GATEWAYS)))
  it('EventSource in Chromium, through nginx', { skip: skip || skipNginx }, async () =>
    inChromium(await cutting(NGINX)),
  )

  it('useRun in Chromium', { skip }, async () => {
    const proxy = await cutting(...GATEWAYS)
    const page = await (await theBrowser()).open('run', { runId, baseUrl: proxy.url })
    const ended = () => page.evaluate(() => window.view.connection === 'closed' && window.view)
    const view = await until('the run ends', ended, 120)
    assert.ok((await page.evaluate(() => window.longest)) > 0, 'text was seen while it was written')
    assert.deepEqual(page.errors, [])
    await page.context().close()
    await assertState(view)
  })

  it('watchRun in Node', async () => {
    const proxy = await cutting(...GATEWAYS)
    await assertState(await watched(watchRun(runId, { baseUrl: proxy.url, EventSource })))
  })

  it('watchRun without any EventSource', async () => {
    await assertState(await watched(watchRun(runId, { baseUrl: GATEWAYS[1] })))
  })
})

async function watched(watch) {
  const leave = watch.subscribe(() => undefined)
  const view = await until(
    'the run ends',
    () => watch.getSnapshot().connection === 'closed' && watch.getSnapshot(),
    120,
  )
  leave()
  return view
}

async function assertState(view) {
  assert.deepEqual([view.error, view.ended, view.reportReady], [null, true, true])
  const polled = await json('GET', `${GATEWAYS[0]}/api/runs/${runId}/status`)
  // An event cannot know its own sequence.
  const { eventSequence } = view.status
  assert.deepEqual(view.status, { ...view.status, ...polled, eventSequence })
  for (const id of view.status.conversationIds) {
    const { messages } = await json('GET', `${GATEWAYS[0]}/api/conversations/${id}/messages`)
    const seen = view.conversations.find((one) => one.id === id)
    assert.deepEqual(said(seen), said({ messages }))
    assert.ok(seen.endedReason)
  }
}

function said({ messages }) {
  return messages.map(({ seq, side, content }) => ({ seq, side, content }))
}
