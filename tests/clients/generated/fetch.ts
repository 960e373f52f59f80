/** openapi-typescript with openapi-fetch: an agent, a battle, its status, its report and its messages. */

import createClient from 'openapi-fetch'

import type { components, paths } from '../build/openapi.js'

/** What was read, typed all the way. */
export interface Drive {
  readonly status: components['schemas']['StatusView']
  readonly played: number
  readonly spoken: readonly string[]
  readonly completion: string | null
  readonly models: readonly string[]
  readonly refused: string
}

function held<T>({ data, error }: { data?: T; error?: unknown }): T {
  if (data === undefined) throw new Error(JSON.stringify(error))
  return data
}

export async function drive(baseUrl: string, pause: () => Promise<unknown>): Promise<Drive> {
  const api = createClient<paths, 'application/json'>({ baseUrl })
  const prompt = 'You are the support agent of Kettle & Co. Ask for the order number.'
  const agent = held(
    await api.POST('/api/agents', { body: { name: 'Kettle', systemPrompt: prompt, model: 'demo-fast' } }),
  )
  const body = { agentId: agent.id, goal: 'The agent asks for the order number.', messageLimit: 4, seed: 5 }
  const { runId } = held(await api.POST('/api/battles/start', { body }))
  const params = { path: { run_id: runId } }
  let status = held(await api.GET('/api/runs/{run_id}/status', { params }))
  while (!status.terminal) {
    await pause()
    status = held(await api.GET('/api/runs/{run_id}/status', { params }))
  }
  const report = held(await api.GET('/api/runs/{run_id}/report', { params }))
  if (!('stats' in report)) throw new Error(`the report of ${runId} is not there`)
  const [conversation_id = ''] = status.conversationIds
  const read = held(await api.GET('/api/conversations/{conversation_id}/messages', { params: { path: { conversation_id } } }))
  if (!('messages' in read)) throw new Error('asked for no page')
  const completion = held(
    await api.POST('/v1/chat/completions', {
      body: { model: 'demo-fast', messages: [{ role: 'user', content: 'Please count to 3' }] },
    }),
  )
  const models = held(await api.GET('/v1/models'))
  const refused = await api.GET('/api/runs/{run_id}/status', { params: { path: { run_id: 'nowhere' } } })
  return {
    status,
    played: report.stats.total,
    spoken: read.messages.map(({ content }) => content ?? ''),
    completion: completion.choices[0]?.message.content ?? null,
    models: models.data.map(({ id }) => id),
    refused: refused.error?.error ?? '',
  }
}

/** With every content type taken for what it is, a status is still a status. */
export async function statusOf(baseUrl: string, run_id: string): Promise<string> {
  const { data } = await createClient<paths>({ baseUrl }).GET('/api/runs/{run_id}/status', { params: { path: { run_id } } })
  return data?.status ?? ''
}
