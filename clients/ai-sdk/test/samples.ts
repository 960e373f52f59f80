/** Events and answers of one small run. */

import type { RunEvent, RunStatus } from '../src/run-events.js'

const CONVERSATION = { conversationId: 'one' }
const USAGE = { promptTokens: 1, completionTokens: 2, costUsd: 0.001 }
const BUDGET = { maxUsd: 1, spentUsd: 0.001 }

export function runStatus(change: Partial<RunStatus> = {}): RunStatus {
  return {
    ...{ id: 'run', jobId: 'run', runId: 'run', clientId: null, kind: 'scale', subject: 'run.run.events' },
    ...{ status: 'running', terminal: false, progress: 0, total: 2, completed: 0, failed: 0, inProgress: 2 },
    ...{ conversationIds: ['one', 'two'], conversationIdsTruncated: false, usage: USAGE, budget: BUDGET },
    ...{ startedAt: null, updatedAt: '2026-01-01T00:00:00.000Z', endedAt: null, lastEventAt: null, eventSequence: 1 },
    ...{ reportReady: false, downloadUrl: null, error: null },
    links: { status: '', events: '', conversations: '', messages: '', report: '' },
    ...change,
  }
}

export function attempt(seq: number, name: string, purpose = 'turn'): RunEvent {
  const data = { ...CONVERSATION, seq, side: 'agent' as const, purpose, attempt: name, provider: 'demo', model: 'demo' }
  return { type: 'attempt.started', data }
}

export function delta(seq: number, name: string, i: number, text: string, purpose = 'turn'): RunEvent {
  return { type: 'delta', data: { ...CONVERSATION, seq, purpose, attempt: name, i, text } }
}

export function discarded(seq: number, name: string): RunEvent {
  return { type: 'attempt.discarded', data: { ...CONVERSATION, seq, attempt: name } }
}

export function message(seq: number, content: string): RunEvent {
  const shown = { id: `one:${seq}`, seq, role: 'assistant', side: 'agent' as const, content, createdAt: '' }
  const cost = { promptTokens: 1, completionTokens: 2, costUsd: 0.001 }
  const rest = { inherited: false, parts: [], toolCalls: [], toolResults: [] }
  return { type: 'message', data: { ...CONVERSATION, ...shown, ...cost, ...rest } }
}

export function ended(endedReason: string): RunEvent {
  return { type: 'conversation.ended', data: { ...CONVERSATION, endedReason, goalReached: true } }
}

export function progress(percent: number, at: string): RunEvent {
  const counts = { progress: percent, total: 2, completed: 1, failed: 0, inProgress: 1 }
  return { type: 'progress', data: { status: 'running', at, ...counts, usage: USAGE, budget: BUDGET } }
}
