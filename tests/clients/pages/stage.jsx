/** A page on which one chat after another is shown, driven and read through `window`. */

import { createRoot } from 'react-dom/client'

/** `make` gives the component of a chat for what a test asks. */
export function stage(make) {
  const root = createRoot(document.getElementById('root'))
  window.begin = (given) => {
    const Chat = make(given)
    root.render(<Chat key={given.id} />)
  }
  window.end = () => {
    root.render(null)
    window.chat = window.view = undefined
  }
}

/** What a chat does is read from its view: its promises end when its streams do. */
export function ignore(promise) {
  void Promise.resolve(promise).catch(() => undefined)
}
