/** Where everything is, and what can be done to it: what `python -m clients` says in the environment. */

import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

export const GATEWAYS = (process.env.GATEWAYS ?? '').split(',')
export const NGINX = process.env.NGINX
export const CHROMIUM = process.env.CHROMIUM
const { DEMO_MODEL, CONTROL } = process.env
const ANSWER_WITHIN = 30_000
const POLL = 50

export async function json(method, url, body) {
  const headers = { 'content-type': 'application/json' }
  const signal = AbortSignal.timeout(ANSWER_WITHIN)
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body), signal })
  assert.ok(response.ok, `${method} ${url}: ${response.status} ${response.ok ? '' : await response.text()}`)
  return response.status === 204 ? null : response.json()
}

/** Waits, within bounds, until `look` answers something true, and answers that. */
export async function until(what, look, seconds = 30) {
  const ends = Date.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found) return found
    assert.ok(Date.now() < ends, `not within ${seconds} s: ${what}`)
    await setTimeout(POLL)
  }
}

/** `kill` is kill -9, `stop` SIGTERM; its supervisor starts it again. Returns when it has ended. */
export async function endGateway(index, how) {
  await json('POST', `${CONTROL}/gateways/${index}/${how}`)
}

export async function untilReady(index) {
  const ready = () =>
    fetch(`${GATEWAYS[index]}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    )
  await until(`gateway ${index} is ready again`, ready, 60)
}

/** How the model answers the calls that begin from now on: `tokensPerSecond`, `timeToFirstTokenSeconds`. */
export async function pace(change) {
  await json('PUT', `${DEMO_MODEL}/control`, change)
}

/** The calls that the model was asked since `next` of an earlier answer. */
export async function ledger(since = 0) {
  return json('GET', `${DEMO_MODEL}/ledger?since=${since}`)
}
