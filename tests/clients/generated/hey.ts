/** @hey-api/openapi-ts: the same drive, and its reader of event streams. */

import {
  createAgent,
  createChatCompletion,
  followRunEvents,
  getRunReport,
  getRunStatus,
  listConversationMessages,
  startBattle,
} from '../build/hey/index.js'
import { client } from '../build/hey/client.gen.js'

import type { StatusView } from '../build/hey/index.js'

export interface HeyDrive {
  readonly status: StatusView
  readonly played: number
  readonly spoken: readonly string[]
  readonly completion: string | null
  readonly events: readonly string[]
}

export async function drive(baseUrl: string, pause: () => Promise<unknown>): Promise<HeyDrive> {
  client.setConfig({ baseUrl, throwOnError: true })
  const throwOnError = true
  const prompt = 'You are the support agent of Kettle & Co. Ask for the order number.'
  const agent = await createAgent({ body: { name: 'Kettle', systemPrompt: prompt, model: 'demo-fast' }, throwOnError })
  const body = { agentId: agent.data.id, goal: 'The agent asks for the order number.', messageLimit: 4, seed: 5 }
  const { runId: run_id } = (await startBattle({ body, throwOnError })).data
  const { stream } = await followRunEvents({ path: { run_id } })
  const events: string[] = []
  for await (const event of stream) {
    if (!event?.type) continue
    events.push(event.type)
    if (event.type === 'run.ended') break
  }
  let status = (await getRunStatus({ path: { run_id }, throwOnError })).data
  while (!status?.terminal) {
    await pause()
    status = (await getRunStatus({ path: { run_id }, throwOnError })).data
  }
  const report = (await getRunReport({ path: { run_id }, throwOnError })).data
  if (typeof report !== 'object' || !('stats' in report)) throw new Error(`the report of ${run_id} is not there`)
  const [conversation_id = ''] = status.conversationIds
  const read = (await listConversationMessages({ path: { conversation_id }, throwOnError })).data
  if (!('messages' in read)) throw new Error('asked for no page')
  const asked = { model: 'demo-fast', messages: [{ role: 'user' as const, content: 'Please count to 3' }] }
  const completion = (await createChatCompletion({ body: asked, throwOnError })).data
  return {
    status,
    played: report.stats.total,
    spoken: read.messages.map(({ content }) => content ?? ''),
    completion: completion.choices[0]?.message.content ?? null,
    events,
  }
}
