/** What a run tells, by type (docs: "Event stream of a run"). What is read here; unknown types are left alone. */

import type { components } from './generated/api.js'

type Schemas = components['schemas']

/** Where a run stands: the object that every status address answers. */
export type RunStatus = Schemas['StatusView']
/** A message as REST shows it. */
export type RunMessage = Schemas['MessageView']
export type Failure = Schemas['Failure']
export type Usage = Schemas['UsageView']

interface OfConversation {
  readonly conversationId: string
}

export interface AttemptStarted extends OfConversation {
  readonly seq: number
  readonly side: RunMessage['side'] | null
  readonly purpose: string
  readonly attempt: string
  readonly provider: string
  readonly model: string
}

export interface Delta extends OfConversation {
  readonly seq: number
  readonly purpose: string
  readonly attempt: string
  readonly i: number
  readonly text: string
}

export interface AttemptDiscarded extends OfConversation {
  readonly seq: number
  readonly attempt: string
}

export type MessageAdded = RunMessage & OfConversation

export interface ConversationEnded extends OfConversation {
  readonly endedReason: string
  readonly goalReached: boolean | null
  readonly error?: Failure | null
}

export type Progressed = Pick<
  RunStatus,
  'status' | 'progress' | 'total' | 'completed' | 'failed' | 'inProgress' | 'usage' | 'budget'
> & { readonly at: string }

export interface ReportReady {
  readonly status: 'ready' | 'unavailable'
}

export interface Snapshot extends RunStatus {
  readonly conversations: readonly SnapshotConversation[]
}

export interface SnapshotConversation {
  readonly id: string
  readonly endedReason?: string | null
  readonly goalReached?: boolean | null
  /** Absent in runs of many conversations: they are read by REST. */
  readonly messages?: readonly RunMessage[]
}

export type RunEvent =
  | { readonly type: 'attempt.started'; readonly data: AttemptStarted }
  | { readonly type: 'delta'; readonly data: Delta }
  | { readonly type: 'attempt.discarded'; readonly data: AttemptDiscarded }
  | { readonly type: 'message'; readonly data: MessageAdded }
  | { readonly type: 'conversation.ended'; readonly data: ConversationEnded }
  | { readonly type: 'progress'; readonly data: Progressed }
  | { readonly type: 'report.ready'; readonly data: ReportReady }
  | { readonly type: 'run.ended'; readonly data: RunStatus }
  | { readonly type: 'snapshot'; readonly data: Snapshot }
  | { readonly type: 'status'; readonly data: RunStatus }

/** The types that are listened to on the stream; `status` comes by polling. */
export const EVENT_TYPES = [
  'attempt.started',
  'delta',
  'attempt.discarded',
  'message',
  'conversation.ended',
  'progress',
  'report.ready',
  'run.ended',
  'snapshot',
] as const satisfies readonly RunEvent['type'][]
