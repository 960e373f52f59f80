import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { Refused, resumingFetch, type ResumingFetchOptions } from '../src/index.js'
import { ANSWER, type Answer, frames, StandIn, status, stream } from './stand-in.js'

const WHOLE = ANSWER.join('')
const QUESTION = { method: 'POST', body: JSON.stringify({ id: 'mine', messages: [] }) }

async function asked(server: StandIn, options: ResumingFetchOptions = {}, init: RequestInit = {}): Promise<Response> {
  return resumingFetch(options)(await server.start(), { ...QUESTION, ...init })
}

/** Sends what follows the client's last id, at most so many bytes of it. */
function rest(bytes: number, end: 'clean' | 'reset'): Answer {
  return (request, response) => {
    const last = request.headers['last-event-id']
    const begin = last === undefined ? 0 : Number(String(last).slice(2)) + 1
    const left = ANSWER.slice(begin).join('')
    const cut = Buffer.from(left).subarray(0, bytes)
    stream('', 'open')(request, response)
    response.write(cut, () => (end === 'clean' ? response.end() : setTimeout(() => response.destroy(), 5)))
  }
}

test('an answer that is never broken is read as it was sent, frame by frame', async () => {
  await using server = new StandIn(stream(WHOLE))
  const response = await asked(server)
  assert.equal(response.headers.get('x-conversation-id'), 'chat 1')
  assert.equal(await response.text(), WHOLE)
  assert.equal(server.seen.length, 1)
})

for (const end of ['clean', 'reset'] as const) {
  test(`wherever it breaks (${end}), the answer is read once`, async () => {
    const size = Buffer.byteLength(WHOLE)
    for (let bytes = 0; bytes < size; bytes += 7) {
      await using server = new StandIn(rest(bytes, end), rest(60, end), ...Array(20).fill(rest(size, 'clean')))
      assert.equal(await (await asked(server)).text(), WHOLE, `cut after ${bytes} bytes`)
    }
  })
}

test('a reconnect names the chat of the answer and the last whole frame', async () => {
  await using server = new StandIn(
    stream(ANSWER.slice(0, 4).join('') + 'id: c-4\ndata: {"ty'),
    stream(ANSWER.slice(4).join('')),
  )
  const init = { headers: { 'X-User-Id': 'ann', 'content-type': 'application/json' } }
  const response = await resumingFetch()((await server.start()) + '?tenant=1', { ...QUESTION, ...init })
  assert.equal(await response.text(), WHOLE)
  const [, again] = server.seen
  assert.deepEqual([again?.method, again?.path], ['GET', '/api/chat/chat%201/stream?tenant=1'])
  assert.equal(again?.headers['last-event-id'], 'c-3')
  assert.equal(again?.headers['x-user-id'], 'ann')
  assert.equal(again?.headers['content-type'], undefined)
})

test('the resume that the AI SDK asks for is continued at the same address', async () => {
  await using server = new StandIn(stream(ANSWER.slice(0, 2).join('')), stream(ANSWER.slice(2).join('')))
  const response = await resumingFetch()((await server.start()) + '/mine/stream')
  assert.equal(await response.text(), WHOLE)
  assert.equal(server.seen[1]?.path, '/api/chat/chat%201/stream')
})

test('204 means that nothing more will come', async () => {
  await using server = new StandIn(stream(ANSWER.slice(0, 4).join('')), status(204))
  assert.equal(await (await asked(server)).text(), ANSWER.slice(0, 4).join(''))
})

test('nothing is asked after a last chunk, however the connection ends', async () => {
  const last = [{ type: 'finish' }, { type: 'error', errorText: 'no' }, { type: 'abort' }]
  for (const chunk of last) {
    const [text = ''] = frames(chunk)
    await using server = new StandIn(stream(text, 'reset'))
    assert.equal(await (await asked(server)).text(), text)
    assert.equal(server.seen.length, 1)
  }
})

test('what passes is asked again', async () => {
  const gone = [status(503), status(429), stream('', 'reset'), status(200)]
  await using server = new StandIn(stream(ANSWER.slice(0, 4).join('')), ...gone, stream(ANSWER.slice(4).join('')))
  assert.equal(await (await asked(server)).text(), WHOLE)
})

test('what will not pass is an error with the reason of the server', async () => {
  await using server = new StandIn(
    stream(ANSWER[0] ?? ''),
    status(404, { error: 'not_found', message: 'No such chat.' }),
  )
  await assert.rejects((await asked(server)).text(), (error) => {
    assert.ok(error instanceof Refused)
    assert.deepEqual([error.status, error.message], [404, 'No such chat.'])
    return true
  })
})

test('attempts that bring nothing are counted, and then given up as a network error', async () => {
  await using server = new StandIn(stream(ANSWER[0] ?? ''), stream(''), stream(''))
  await assert.rejects((await asked(server, { attempts: 3 })).text(), { name: 'TypeError', message: /^network error/ })
  assert.equal(server.seen.length, 4)
})

test('attempts that bring something are not', async () => {
  await using server = new StandIn(...ANSWER.map((frame) => stream(frame)))
  assert.equal(await (await asked(server, { attempts: 1 })).text(), WHOLE)
})

test('a server that begins anew is skipped up to what was read', async () => {
  await using server = new StandIn(stream(ANSWER.slice(0, 4).join('')), stream(WHOLE))
  assert.equal(await (await asked(server)).text(), WHOLE)
})

test('an answer that was made anew is an error, not a mixture', async () => {
  const other = WHOLE.replaceAll('id: c-', 'id: d-')
  await using server = new StandIn(stream(ANSWER.slice(0, 4).join('')), stream(other))
  await assert.rejects((await asked(server)).text(), /made anew/)
})

test('an answer that is no stream passes through, and so does a stream of nobody', async () => {
  await using server = new StandIn(status(429, { error: 'rate_limited', message: 'Wait.' }))
  const refused = await asked(server)
  assert.deepEqual([refused.status, (await refused.json()).message], [429, 'Wait.'])
  assert.equal(server.seen.length, 1)
})

test('the version is said only where it is told', async () => {
  await using server = new StandIn(stream(ANSWER[0] ?? ''), stream(ANSWER.slice(1).join('')), stream(WHOLE))
  const url = await server.start()
  await (await resumingFetch({ aiSdkVersion: 7 })(url, QUESTION)).text()
  await (await resumingFetch()(url, QUESTION)).text()
  assert.deepEqual(
    server.seen.map((one) => one.headers['x-ai-sdk']),
    ['7', '7', undefined],
  )
})

test('an abort ends the reading at once, in the middle of a stream and between two', async () => {
  for (const end of ['open', 'clean'] as const) {
    await using server = new StandIn(stream('retry: 100000\n\n' + ANSWER[0], end))
    const stop = new AbortController()
    const response = await asked(server, {}, { signal: stop.signal })
    const reader = response.body?.getReader()
    await reader?.read()
    const next = reader?.read()
    stop.abort()
    await assert.rejects(next ?? Promise.resolve(), { name: 'AbortError' })
    assert.equal(server.seen.length, 1)
  }
})

test('an abort stops the generation where that is wanted', async () => {
  await using server = new StandIn(stream(ANSWER[0] ?? '', 'open'))
  const stop = new AbortController()
  const response = await asked(server, { stopOnAbort: true }, { signal: stop.signal })
  await response.body?.getReader().read()
  stop.abort()
  const [stopped] = await once(server.news, 'request')
  assert.deepEqual([stopped.method, stopped.path], ['POST', '/api/chat/chat%201/stop'])
})

test('a reader that leaves closes the connection', async () => {
  await using server = new StandIn(stream(ANSWER[0] ?? '', 'open'))
  const reader = (await asked(server)).body?.getReader()
  await reader?.read()
  const closed = once(server.news, 'close')
  await reader?.cancel()
  await closed
})

test('a connection that is silent for longer than three heartbeats is left', async (context) => {
  await using server = new StandIn(stream(ANSWER.slice(0, 4).join(''), 'open'), stream(ANSWER.slice(4).join('')))
  const reader = (await asked(server)).body?.getReader()
  const read = await reader?.read()
  let text = new TextDecoder().decode(read?.value)
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const next = reader?.read()
  await setImmediate()
  context.mock.timers.tick(45_000)
  context.mock.timers.reset()
  text += new TextDecoder().decode((await next)?.value)
  while (!text.endsWith(ANSWER.at(-1) ?? '')) text += new TextDecoder().decode((await reader?.read())?.value)
  assert.equal(text, WHOLE)
})
