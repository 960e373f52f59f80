/** A TCP proxy of the loopback interface: it cuts, and sends who comes again to another gateway. */

import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export class Proxy {
  connections = 0
  cuts = 0
  /** Bytes that a connection carries to the client before it is cut. */
  budget = Infinity
  #targets
  #links = new Set()
  #server = createServer((client) => this.#serve(client))

  /** To `targets` by turns, a connection each. */
  constructor(...targets) {
    this.targets = targets
  }

  set targets(urls) {
    this.#targets = urls.map((url) => Number(new URL(url).port))
  }

  async start() {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `http://127.0.0.1:${this.#server.address().port}`
    return this
  }

  /** Resets every connection. */
  cut() {
    for (const link of this.#links) this.#reset(link)
  }

  async stop() {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(client) {
    const server = connect(this.#targets[this.connections % this.#targets.length], '127.0.0.1')
    const link = { client, server, left: this.budget }
    this.connections += 1
    this.#links.add(link)
    server.on('data', (bytes) => this.#carry(link, bytes))
    client.pipe(server)
    server.on('end', () => client.end())
    for (const socket of [client, server]) {
      socket.on('error', () => this.#end(link))
      socket.on('close', () => this.#end(link))
    }
  }

  #carry(link, bytes) {
    link.client.write(bytes.subarray(0, link.left))
    link.left -= bytes.length
    if (link.left <= 0 && this.#links.has(link)) {
      this.#links.delete(link)
      link.server.destroy()
      // What was written arrives; a reset at once would take it back.
      link.client.end(() => link.client.destroy())
      this.cuts += 1
    }
  }

  #reset(link) {
    this.cuts += 1
    link.client.resetAndDestroy()
    this.#end(link)
  }

  #end(link) {
    this.#links.delete(link)
    link.client.destroySoon()
    link.server.destroy()
  }
}
