/** Clients that nobody wrote: made from the OpenAPI document, type-checked, and driven from an agent to its messages. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

import { build } from 'esbuild'

import { counted } from '../support/chats.js'
import { GATEWAYS, json } from '../support/world.js'

const run = promisify(execFile)
const here = join(import.meta.dirname, '..')
const made = join(here, 'build')
const pause = () => setTimeout(200)

const tool = (name, ...given) => run(join(here, 'node_modules', '.bin', name), given, { cwd: here, timeout: 120_000 })

/** A drive as JavaScript. */
async function drives(name) {
  const outfile = join(made, `${name}.js`)
  await build({
    entryPoints: [join(here, 'generated', `${name}.ts`)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  })
  return import(outfile)
}

function assertDriven({ status, played, spoken, completion }) {
  assert.equal(status.status, 'complete')
  assert.equal(played, 1)
  assert.ok(spoken.length >= 2 && spoken.every((text) => text))
  assert.equal(completion, counted(3))
}

describe('clients made from the document', () => {
  before(async () => {
    await mkdir(made, { recursive: true })
    const document = JSON.stringify(await json('GET', `${GATEWAYS[0]}/openapi.json`))
    await writeFile(join(made, 'openapi.json'), document)
    await Promise.all([
      tool('openapi-typescript', './build/openapi.json', '-o', './build/openapi.ts'),
      tool('openapi-ts', '-i', './build/openapi.json', '-o', './build/hey', '-c', '@hey-api/client-fetch', '--silent'),
    ])
  })

  it('their types fit what is done with them', async () => {
    await tool('tsc', '-p', 'generated/tsconfig.json').catch(({ stdout }) => assert.fail(stdout))
  })

  it('openapi-typescript with openapi-fetch', async () => {
    const { drive, statusOf } = await drives('fetch')
    const driven = await drive(GATEWAYS[0], pause)
    assertDriven(driven)
    assert.ok(driven.models.some((id) => id.endsWith('demo-fast')))
    assert.equal(driven.refused, 'not_found')
    assert.equal(await statusOf(GATEWAYS[1], driven.status.runId), 'complete')
  })

  it('@hey-api/openapi-ts, with its reader of event streams', async () => {
    const { drive } = await drives('hey')
    const driven = await drive(GATEWAYS[0], pause)
    assertDriven(driven)
    assert.deepEqual([driven.events[0], driven.events.at(-1)], ['run.started', 'run.ended'])
  })
})
