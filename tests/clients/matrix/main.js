/** All tests of this folder in one process, with one browser; or those whose files are named. */

import { readdirSync } from 'node:fs'
import { after } from 'node:test'

import { stopBrowser } from '../support/browser.js'

const all = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.js'))
const named = process.argv.slice(2)

after(stopBrowser)
for (const name of named.length > 0 ? named : all) await import(`./${name}`)
