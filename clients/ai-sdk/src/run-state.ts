/** A run as its events tell it. Pure: the same events in the same order give the same state, repetitions change nothing. */

import type {
  AttemptDiscarded,
  AttemptStarted,
  ConversationEnded,
  Delta,
  Failure,
  MessageAdded,
  Progressed,
  RunEvent,
  RunMessage,
  RunStatus,
  Snapshot,
} from './run-events.js'

/** The text of a message that is being written: the deltas of the attempt opened last. */
export interface LiveText {
  readonly seq: number
  readonly attempt: string
  readonly side: RunMessage['side'] | null
  readonly text: string
  /** The number of the delta that comes next. */
  readonly next: number
}

export interface ConversationState {
  readonly id: string
  readonly messages: readonly RunMessage[]
  readonly live: LiveText | null
  readonly endedReason: string | null
  readonly goalReached: boolean | null
  readonly error: Failure | null
}

export interface RunState {
  /** Null until the first word of the server. */
  readonly status: RunStatus | null
  /** In the order in which they were first heard of. */
  readonly conversations: readonly ConversationState[]
  readonly reportReady: boolean
  readonly ended: boolean
}

export const UNKNOWN_RUN: RunState = { status: null, conversations: [], reportReady: false, ended: false }

const SPOKEN = new Set(['turn', 'chat', 'assist'])

/** The state after an event. The same object where the event says nothing new. */
export function fold(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case 'attempt.started':
      return within(state, event.data.conversationId, (one) => opened(one, event.data))
    case 'delta':
      return within(state, event.data.conversationId, (one) => written(one, event.data))
    case 'attempt.discarded':
      return within(state, event.data.conversationId, (one) => discarded(one, event.data))
    case 'message':
      return within(state, event.data.conversationId, (one) => said(one, event.data))
    case 'conversation.ended':
      return within(state, event.data.conversationId, (one) => closed(one, event.data))
    case 'progress':
      return state.status ? withStatus(state, progressed(state.status, event.data)) : state
    case 'report.ready':
      return state.reportReady ? state : { ...state, reportReady: true }
    case 'status':
    case 'run.ended':
      return withStatus(state, event.data)
    case 'snapshot':
      return shown(state, event.data)
  }
}

function withStatus(state: RunState, status: RunStatus): RunState {
  // What comes late, by another way, never takes anything back.
  if (state.ended || (state.status !== null && status.updatedAt < state.status.updatedAt)) return state
  const reportReady = state.reportReady || status.reportReady
  return { ...state, status, reportReady, ended: status.terminal }
}

function progressed(status: RunStatus, event: Progressed): RunStatus {
  const { progress, total, completed, failed, inProgress, usage, budget } = event
  const counts = { progress, total, completed, failed, inProgress, usage, budget }
  return { ...status, ...counts, status: event.status, updatedAt: event.at }
}

function within(state: RunState, id: string, change: (one: ConversationState) => ConversationState): RunState {
  const place = state.conversations.findIndex((one) => one.id === id)
  const before = state.conversations[place] ?? newConversation(id)
  const after = change(before)
  if (place >= 0 && after === before) return state
  const conversations = [...state.conversations]
  conversations.splice(place < 0 ? conversations.length : place, 1, after)
  return { ...state, conversations }
}

function newConversation(id: string): ConversationState {
  return { id, messages: [], live: null, endedReason: null, goalReached: null, error: null }
}

/** Hints about a message that stands, or of a conversation that ended, come late. */
function isLate(one: ConversationState, seq: number): boolean {
  return one.endedReason !== null || seq <= (one.messages.at(-1)?.seq ?? 0)
}

function opened(one: ConversationState, event: AttemptStarted): ConversationState {
  if (!SPOKEN.has(event.purpose) || isLate(one, event.seq) || one.live?.attempt === event.attempt) return one
  return { ...one, live: { seq: event.seq, attempt: event.attempt, side: event.side, text: '', next: 0 } }
}

function written(one: ConversationState, event: Delta): ConversationState {
  if (!SPOKEN.has(event.purpose) || isLate(one, event.seq)) return one
  const live = one.live ?? { seq: event.seq, attempt: event.attempt, side: null, text: '', next: event.i }
  if (live.attempt !== event.attempt || event.i < live.next) return one
  return { ...one, live: { ...live, text: live.text + event.text, next: event.i + 1 } }
}

function discarded(one: ConversationState, event: AttemptDiscarded): ConversationState {
  return one.live?.attempt === event.attempt ? { ...one, live: null } : one
}

function said(one: ConversationState, event: MessageAdded): ConversationState {
  if (one.messages.some((message) => message.seq === event.seq)) return one
  const messages = [...one.messages, event].sort((a, b) => a.seq - b.seq)
  const live = one.live !== null && one.live.seq > event.seq ? one.live : null
  return { ...one, messages, live }
}

function closed(one: ConversationState, event: ConversationEnded): ConversationState {
  if (one.endedReason !== null) return one
  const { endedReason, goalReached } = event
  return { ...one, endedReason, goalReached, error: event.error ?? null, live: null }
}

function shown(state: RunState, { conversations, ...status }: Snapshot): RunState {
  let next = withStatus(state, status)
  for (const one of conversations) {
    const conversationId = one.id
    for (const message of one.messages ?? []) {
      next = fold(next, { type: 'message', data: { ...message, conversationId } })
    }
    const { endedReason, goalReached = null } = one
    if (endedReason)
      next = fold(next, { type: 'conversation.ended', data: { conversationId, endedReason, goalReached } })
  }
  return next
}
