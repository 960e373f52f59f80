/** Chromium, the pages it opens, and the server they come from. */

import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

import { build } from 'esbuild'
import { chromium } from 'playwright-core'

import { CHROMIUM } from './world.js'

const PAGES = [
  { name: 'chat-4', page: 'chat-4.jsx' },
  { name: 'chat-5', page: 'chat.jsx', alias: { 'the-sdk': 'ai-5', 'the-sdk-for-react': '@ai-sdk/react-2' } },
  { name: 'chat-6', page: 'chat.jsx', alias: { 'the-sdk': 'ai-6', 'the-sdk-for-react': '@ai-sdk/react-3' } },
  { name: 'chat-7', page: 'chat.jsx', alias: { 'the-sdk': 'ai-7', 'the-sdk-for-react': '@ai-sdk/react-4' } },
  { name: 'events', page: 'events.js' },
  { name: 'run', page: 'run.jsx' },
  { name: 'third-party', page: 'third-party.js' },
]
const here = import.meta.dirname
const PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="root"></div>'

let started = null

/** The one browser of all tests; started when it is first asked for. */
export function theBrowser() {
  started ??= new Browser().start()
  return started
}

export async function stopBrowser() {
  await (await started)?.stop()
}

class Browser {
  #idle = new Map()
  #folder
  #server
  #chromium

  async start() {
    this.#folder = await mkdtemp(join(tmpdir(), 'agentwars-pages-'))
    await Promise.all(PAGES.map(({ name, page, alias }) => this.#bundle(name, page, alias)))
    this.#server = createServer((request, response) => this.#serve(request, response)).listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#chromium = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    })
    return this
  }

  async stop() {
    await this.#chromium?.close()
    this.#server?.closeAllConnections()
    this.#server?.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** A page with connections of its own: a browser shares six per host among the pages of one context. */
  async open(name, given = null) {
    const context = await this.#chromium.newContext()
    const page = await context.newPage()
    page.errors = []
    page.on('pageerror', (error) => page.errors.push(String(error)))
    await page.addInitScript((value) => (window.given = value), given)
    await page.goto(`http://127.0.0.1:${this.#server.address().port}/${name}`)
    await page.waitForFunction(() => window.view !== undefined || window.begin !== undefined)
    return page
  }

  /** A page that was given back, if there is one. */
  idle(name) {
    return this.#idle.get(name)?.pop()
  }

  giveBack(name, page) {
    this.#idle.set(name, [...(this.#idle.get(name) ?? []), page])
  }

  async #bundle(name, page, alias = {}) {
    await build({
      entryPoints: [join(here, '..', 'pages', page)],
      outfile: join(this.#folder, `${name}.js`),
      bundle: true,
      format: 'esm',
      jsx: 'automatic',
      alias,
      // The package is linked from outside: what it peers with is ours.
      nodePaths: [join(here, '..', 'node_modules')],
      define: { 'process.env.NODE_ENV': '"production"' },
      logLevel: 'error',
    })
  }

  #serve(request, response) {
    const name = basename(request.url)
    if (name.endsWith('.js')) {
      response.writeHead(200, { 'content-type': 'text/javascript' })
      createReadStream(join(this.#folder, name))
        .on('error', () => response.destroy())
        .pipe(response)
      return
    }
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end(`${PAGE}<script type="module" src="/${name}.js"></script>`)
  }
}

/** `useChat` of `@ai-sdk/react`, on a page of its version that nobody else uses just now. */
export async function browserChat(given) {
  const browser = await theBrowser()
  const name = `chat-${given.version}`
  const page = browser.idle(name) ?? (await browser.open(name))
  await page.evaluate((value) => window.begin(value), given)
  await page.waitForFunction(() => window.chat)
  return {
    view: () => page.evaluate(() => window.view),
    send: (text) => page.evaluate((said) => window.chat.send(said), text),
    edit: (id, text) => page.evaluate((asked) => window.chat.edit(...asked), [id, text]),
    stop: () => page.evaluate(() => window.chat.stop()),
    regenerate: () => page.evaluate(() => window.chat.regenerate()),
    resume: () => page.evaluate(() => window.chat.resume()),
    look: () => page.evaluate(() => window.chat.look()),
    leave: async () => {
      await page.evaluate(() => window.end())
      browser.giveBack(name, page)
    },
  }
}
