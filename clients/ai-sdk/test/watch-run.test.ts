import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { Refused, type RunView, type RunWatch, watchRun } from '../src/index.js'
import type { RunEvent, RunStatus } from '../src/run-events.js'
import { attempt, delta, message, runStatus } from './samples.js'

/** What a browser's EventSource shows of itself, moved by hand. */
class Source extends EventTarget {
  static made: Source[] = []
  static get last(): Source {
    return Source.made.at(-1) ?? assert.fail('no EventSource was made')
  }

  readonly CLOSED = 2
  readyState = 0

  constructor(readonly url: string) {
    super()
    Source.made.push(this)
  }

  close(): void {
    this.readyState = 2
  }

  say(event: RunEvent, lastEventId = ''): void {
    this.dispatchEvent(new MessageEvent(event.type, { data: JSON.stringify(event.data), lastEventId }))
  }

  /** The connection broke, and the browser makes another one; or it gives up. */
  fail(gaveUp = false): void {
    this.readyState = gaveUp ? 2 : 0
    this.dispatchEvent(new Event('error'))
  }
}

/** A server to poll. */
class Polled {
  status: RunStatus | number = runStatus()
  messages: RunEvent[] = []
  polls = 0
  readonly urls: string[] = []

  readonly fetch: typeof fetch = async (input, init) => {
    const url = String(input)
    this.urls.push(url)
    if (url.includes('/conversations?')) return Response.json({ items: this.#items(), nextCursor: null })
    if (url.includes('/messages?')) return Response.json(this.#page(Number(/sinceSeq=(\d+)/.exec(url)?.[1])))
    this.polls += 1
    if (typeof this.status === 'number') return Response.json({ message: 'No such run.' }, { status: this.status })
    const ETag = `"${this.status.eventSequence}"`
    const known = new Headers(init?.headers).get('If-None-Match')
    return known === ETag ? new Response(null, { status: 304 }) : Response.json(this.status, { headers: { ETag } })
  }

  #items() {
    return [{ id: 'one', index: 1, status: 'running', messages: this.messages.length, costUsd: 0, tags: [] }]
  }

  #page(since: number) {
    const messages = this.messages.map((event) => event.data).filter((data) => 'seq' in data && data.seq > since)
    return { messages: messages.slice(0, 1), nextSince: since + 1, hasMore: messages.length > 1 }
  }
}

let server: Polled
let watch: RunWatch
let leave: () => void

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] })
  mock.method(Math, 'random', () => 0)
  Source.made = []
  server = new Polled()
  watch = watchRun('run', {
    baseUrl: 'http://server',
    token: 't',
    fetch: server.fetch,
    EventSource: Source as unknown as typeof EventSource,
  })
})

afterEach(() => {
  leave()
  mock.reset()
  mock.timers.reset()
})

async function begin(): Promise<void> {
  leave = watch.subscribe(() => undefined)
  await advance(100)
}

/** Lets time pass, and all that is due in it happen. */
async function advance(milliseconds: number): Promise<RunView> {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    for (let turn = 0; turn < 10; turn += 1) await setImmediate()
    mock.timers.tick(50)
  }
  for (let turn = 0; turn < 10; turn += 1) await setImmediate()
  return watch.getSnapshot()
}

function contents(view: RunView): (string | null)[] | undefined {
  return view.conversations[0]?.messages.map((said) => said.content)
}

test('a run is followed to its end', async () => {
  await begin()
  assert.equal(Source.last.url, 'http://server/api/runs/run/events?token=t')
  Source.last.dispatchEvent(new Event('open'))
  Source.last.say(attempt(1, 'a'), '1')
  Source.last.say(delta(1, 'a', 0, 'Hi'), '2')
  let view = await advance(100)
  assert.deepEqual(
    [view.connection, view.status?.status, view.conversations[0]?.live?.text],
    ['streaming', 'running', 'Hi'],
  )
  Source.last.say(message(1, 'Hi.'), '3')
  Source.last.say({ type: 'run.ended', data: runStatus({ status: 'complete', terminal: true }) }, '4')
  view = await advance(100)
  assert.deepEqual([view.connection, view.ended, contents(view)], ['closed', true, ['Hi.']])
  assert.deepEqual([Source.last.readyState, Source.made.length], [2, 1])
})

test('an EventSource that gives up is begun anew with the last id, later each time', async () => {
  await begin()
  Source.last.say(message(1, 'a'), 'id-7')
  Source.last.fail(true)
  await advance(1_900)
  assert.equal(Source.made.length, 1)
  await advance(200)
  assert.equal(Source.last.url, 'http://server/api/runs/run/events?lastEventId=id-7&token=t')
  Source.last.fail(true)
  await advance(3_900)
  assert.equal(Source.made.length, 2)
  await advance(200)
  assert.equal(Source.made.length, 3)
})

test('the browser reconnects twice by itself', async () => {
  await begin()
  Source.last.fail()
  Source.last.fail()
  await advance(3_000)
  assert.deepEqual([Source.made.length, Source.last.readyState], [1, 0])
  Source.last.fail()
  await advance(2_100)
  assert.equal(Source.made.length, 2)
})

test('while there is no stream the run is polled, messages too, up to its end', async () => {
  await begin()
  server.messages = [message(1, 'a'), message(2, 'b')]
  server.status = runStatus({ eventSequence: 2, progress: 50 })
  Source.last.fail(true)
  let view = await advance(100)
  assert.deepEqual([view.status?.progress, contents(view)], [50, ['a', 'b']])
  server.messages.push(message(3, 'c'))
  server.status = runStatus({ eventSequence: 3, status: 'complete', terminal: true, progress: 100 })
  view = await advance(2_000)
  assert.deepEqual([view.ended, view.connection, contents(view)], [true, 'closed', ['a', 'b', 'c']])
})

test('what was missed on the stream is read', async () => {
  await begin()
  server.messages = [message(1, 'a'), message(2, 'b')]
  Source.last.dispatchEvent(new Event('gap'))
  assert.deepEqual(contents(await advance(100)), ['a', 'b'])
  assert.ok(server.urls.some((url) => url.includes('/messages?')))
  assert.deepEqual(server.urls.filter((url) => new URL(url).searchParams.get('token') !== 't'), [])
})

test('a stream that holds back what a poll finds is left', async () => {
  await begin()
  server.status = runStatus({ eventSequence: 2 })
  await advance(5_100)
  assert.equal(Source.last.readyState, 2)
})

test('a stream that is silent because nothing happens is kept', async () => {
  await begin()
  await advance(100_000)
  assert.deepEqual([Source.made.length, Source.last.readyState], [1, 0])
  assert.ok(server.polls < 6)
})

test('without an EventSource the run is polled: fast, then slowly when nothing happens', async () => {
  watch = watchRun('run', { baseUrl: 'http://server', fetch: server.fetch })
  await begin()
  await advance(60_000)
  assert.ok(server.polls > 15 && server.polls < 30, `${server.polls} polls in a minute`)
})

test('a server that is away is asked again', async () => {
  server.status = 503
  await begin()
  Source.last.fail(true)
  server.status = runStatus({ progress: 50 })
  assert.equal((await advance(2_000)).status?.progress, 50)
})

test('a run that is not ours is an error, and the end', async () => {
  server.status = 404
  await begin()
  const view = await advance(60_000)
  assert.ok(view.error instanceof Refused)
  assert.deepEqual(
    [view.connection, view.error.message, server.polls, Source.made.length],
    ['closed', 'No such run.', 1, 0],
  )
})

test('whoever leaves closes the stream, and finds it again where it was', async () => {
  await begin()
  Source.last.say(message(1, 'a'), 'id-1')
  await advance(100)
  leave()
  assert.equal((await advance(100)).connection, 'connecting')
  assert.equal(Source.last.readyState, 2)
  const polls = server.polls
  await advance(10_000)
  assert.equal(server.polls, polls)
  await begin()
  assert.match(Source.last.url, /lastEventId=id-1/)
  assert.deepEqual(contents(watch.getSnapshot()), ['a'])
})
