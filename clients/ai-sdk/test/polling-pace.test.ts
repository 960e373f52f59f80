import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'

import { PollingPace } from '../src/polling-pace.js'

class Page extends EventTarget {
  visibilityState = 'visible'

  show(state: string): void {
    this.visibilityState = state
    this.dispatchEvent(new Event('visibilitychange'))
  }
}

const page = new Page()
const pace = (polls: number): PollingPace => {
  const made = new PollingPace()
  for (let poll = 0; poll < polls; poll += 1) made.note(false)
  return made
}

/** Whether the next poll may begin, once all that is due has happened. */
async function isWanted(waiting: Promise<void>): Promise<boolean> {
  return Promise.race([waiting.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))])
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'document')
  page.visibilityState = 'visible'
})

test('polls are 1 to 1.5 s apart, 3 to 5 s after ten without news, and fast again after news', () => {
  const polling = pace(9)
  assert.ok(polling.next() >= 1_000 && polling.next() <= 1_500)
  polling.note(false)
  assert.ok(polling.next() >= 3_000 && polling.next() <= 5_000)
  polling.note(true)
  assert.ok(polling.next() <= 1_500)
})

test('a hidden tab polls slowly, and not at all where nothing happens', async () => {
  Object.assign(globalThis, { document: page })
  page.show('hidden')
  assert.ok(pace(0).next() >= 3_000)
  const { signal } = new AbortController()
  assert.equal(await isWanted(pace(9).untilWanted(signal)), true)
  const waiting = pace(10).untilWanted(signal)
  assert.equal(await isWanted(waiting), false)
  page.show('visible')
  await waiting
})

test('whoever leaves does not wait for the tab to be looked at', async () => {
  Object.assign(globalThis, { document: page })
  page.show('hidden')
  const leaving = new AbortController()
  const waiting = pace(10).untilWanted(leaving.signal)
  leaving.abort()
  await assert.rejects(waiting, { name: 'AbortError' })
})
