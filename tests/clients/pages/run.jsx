/** `useRun`, read through `window`. */

import { useRun } from '@agentwars/ai-sdk/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

const { runId, baseUrl } = window.given
window.longest = 0

function Run() {
  const view = useRun(runId, { baseUrl })
  for (const one of view.conversations) window.longest = Math.max(window.longest, one.live?.text.length ?? 0)
  window.view = view
  return <pre>{JSON.stringify(view.status)}</pre>
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Run />
  </StrictMode>,
)
