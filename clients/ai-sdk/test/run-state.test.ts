import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RunEvent } from '../src/run-events.js'
import { fold, type RunState, UNKNOWN_RUN } from '../src/run-state.js'
import { attempt, delta, discarded, ended, message, progress, runStatus } from './samples.js'

function after(...events: readonly RunEvent[]): RunState {
  return events.reduce(fold, UNKNOWN_RUN)
}

function live(...events: readonly RunEvent[]): string | undefined {
  return after(...events).conversations[0]?.live?.text
}

test('a message is written live, then stands', () => {
  const writing = [attempt(1, 'a'), delta(1, 'a', 0, 'Good '), delta(1, 'a', 1, 'day')]
  assert.equal(live(...writing), 'Good day')
  const [one] = after(...writing, message(1, 'Good day.')).conversations
  assert.deepEqual([one?.messages.map((said) => said.content), one?.live], [['Good day.'], null])
})

test('live text is of the attempt opened last', () => {
  const lost = [attempt(1, 'a'), delta(1, 'a', 0, 'Goo')]
  assert.equal(live(...lost, attempt(1, 'b'), delta(1, 'b', 0, 'Hello'), delta(1, 'a', 1, 'd day')), 'Hello')
  assert.equal(live(...lost, discarded(1, 'a')), undefined)
  assert.equal(live(...lost, discarded(1, 'a'), attempt(1, 'b'), delta(1, 'b', 0, 'Hello')), 'Hello')
})

test('live text goes on where a reader came late', () => {
  assert.equal(live(delta(1, 'a', 3, 'day'), delta(1, 'a', 4, '.')), 'day.')
})

test('a judge is not heard', () => {
  assert.deepEqual(after(attempt(1, 'a', 'judge'), delta(1, 'a', 0, '{', 'judge')).conversations[0]?.live, null)
})

test('what comes again, or late, changes nothing', () => {
  const told = [
    attempt(1, 'a'),
    delta(1, 'a', 0, 'Good'),
    message(1, 'Good day.'),
    attempt(2, 'b'),
    delta(2, 'b', 0, 'Yes'),
  ]
  const state = after(...told)
  for (const event of told) assert.equal(fold(state, event), state, event.type)
  const closed = fold(state, ended('goal'))
  for (const event of [...told, ended('limit'), attempt(3, 'c'), delta(3, 'c', 0, 'No')]) {
    assert.equal(fold(closed, event), closed, event.type)
  }
})

test('messages that polling finds take their place', () => {
  const [one] = after(message(1, 'a'), message(3, 'c'), message(2, 'b')).conversations
  assert.deepEqual(
    one?.messages.map((said) => said.content),
    ['a', 'b', 'c'],
  )
})

test('the status follows progress, and never goes back', () => {
  const first: RunEvent = { type: 'status', data: runStatus({ updatedAt: '2026-01-01T00:00:01.000Z' }) }
  const state = after(first, progress(50, '2026-01-01T00:00:02.000Z'))
  assert.deepEqual([state.status?.progress, state.status?.runId], [50, 'run'])
  assert.equal(fold(state, first), state)
  const over = fold(state, {
    type: 'run.ended',
    data: runStatus({ terminal: true, updatedAt: '2026-01-01T00:00:03.000Z' }),
  })
  assert.equal(over.ended, true)
  assert.equal(fold(over, progress(90, '2026-01-01T00:00:04.000Z')), over)
})

test('a snapshot is the whole story so far', () => {
  const { data } = message(1, 'Good day.') as Extract<RunEvent, { type: 'message' }>
  const conversations = [{ id: 'one', endedReason: 'goal', goalReached: true, messages: [data] }, { id: 'two' }]
  const state = after({ type: 'snapshot', data: { ...runStatus({ progress: 50 }), conversations } })
  assert.deepEqual([state.status?.progress, state.status && 'conversations' in state.status], [50, false])
  const [one] = state.conversations
  assert.deepEqual([one?.id, one?.messages.length, one?.endedReason, one?.goalReached], ['one', 1, 'goal', true])
})
