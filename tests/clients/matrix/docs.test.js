/** The code of docs/live-updates.md, as it stands there. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'

import { EventSource } from 'eventsource'

import { GATEWAYS, json, until } from '../support/world.js'

const PAGE = join(import.meta.dirname, '../../../docs/live-updates.md')
const BLOCK = /<!-- runs: (\S+) -->\n```js\n(.*?)\n```/gs
const [GATEWAY] = GATEWAYS
const folder = mkdtempSync(join(tmpdir(), 'agentwars-docs-'))
const files = new Map(
  [...readFileSync(PAGE, 'utf8').matchAll(BLOCK)].map(([, name, code]) => [name, join(folder, name)]),
)
let agentId

/** What a block of the page exports. */
async function block(name) {
  return import(pathToFileURL(files.get(name)).href)
}

async function started() {
  const asked = { agentId, runs: 2, messageLimit: 4, seed: 3 }
  return (await json('POST', `${GATEWAY}/api/scale/start`, asked)).runId
}

async function messagesOf(runId) {
  const { conversationIds } = await json('GET', `${GATEWAY}/api/runs/${runId}/status`)
  const pages = conversationIds.map((id) => json('GET', `${GATEWAY}/api/conversations/${id}/messages`))
  return (await Promise.all(pages)).flatMap(({ messages }) => messages.map(({ content }) => content)).sort()
}

describe('docs/live-updates.md', { concurrency: true }, () => {
  before(async () => {
    for (const [, name, code] of readFileSync(PAGE, 'utf8').matchAll(BLOCK)) writeFileSync(files.get(name), code)
    globalThis.EventSource ??= EventSource
    process.env.AGENTWARS_URL = GATEWAY
    const agent = { name: 'Docs', systemPrompt: 'You are the support agent. Ask for the order number.', model: 'demo-fast' }
    agentId = (await json('POST', `${GATEWAY}/api/agents`, agent)).id
  })
  after(() => rmSync(folder, { recursive: true }))

  it('polling', async () => {
    const { untilEnded } = await block('polling.mjs')
    const seen = []
    const last = await untilEnded(GATEWAY, await started(), (status) => seen.push(status.progress))
    assert.deepEqual([last.status, last.reportReady, seen.at(-1)], ['complete', true, 100])
    assert.deepEqual(seen, seen.toSorted((one, other) => one - other))
  })

  it('EventSource: status', async () => {
    const { watchStatus } = await block('status.mjs')
    let last
    const source = watchStatus(GATEWAY, await started(), (status) => (last = status))
    await until('the browser gives up after the 204', () => source.readyState === 2, 60)
    assert.deepEqual([last.terminal, last.status], [true, 'complete'])
  })

  it('EventSource: events', async () => {
    const { follow } = await block('events.mjs')
    const runId = await started()
    const texts = []
    let written = 0
    const source = follow(GATEWAY, runId, (_conversation, text, whole) => (whole ? texts.push(text) : (written += 1)))
    await until('the run ends', () => source.readyState === 2, 60)
    assert.deepEqual(texts.sort(), await messagesOf(runId))
    assert.ok(written > 0, 'text was seen while it was written')
  })

  it('Next.js route', async () => {
    const { GET, POST } = await block('next-route.mjs')
    const runId = await started()
    const events = await GET(new Request(`http://page.test/api/runs/${runId}/events?types=run.ended`))
    assert.match(events.headers.get('content-type'), /^text\/event-stream/)
    assert.match(await events.text(), /event: run\.ended/)
    const headers = { 'Content-Type': 'application/json' }
    const refused = await POST(new Request('http://page.test/api/agents', { method: 'POST', headers, body: '{}' }))
    assert.deepEqual([refused.status, (await refused.json()).error], [400, 'invalid_request'])
  })

  it('a token in the URL', async () => {
    const { streamUrl } = await block('token.mjs')
    const url = await streamUrl(GATEWAY, await started())
    const source = new EventSource(url)
    await new Promise((resolve) => source.addEventListener('run.ended', resolve)).finally(() => source.close())
    assert.match(url, /\?token=./)
  })
})
