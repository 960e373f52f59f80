/** The React door: the same view, for components. */

import { useMemo, useSyncExternalStore } from 'react'

import { type RunView, watchRun, type WatchOptions } from './watch-run.js'

export type { RunView, WatchOptions } from './watch-run.js'

/**
 * A run, live, for as long as the component is there; its history, messages and text come by themselves.
 *
 * Only `runId`, `baseUrl`, `token` and `conversation` begin anew when they change.
 */
export function useRun(runId: string, options: WatchOptions = {}): RunView {
  const { baseUrl, token, conversation } = options
  // The rest of the options is often made anew at every rendering: what it was at the beginning is used.
  const watch = useMemo(() => watchRun(runId, options), [runId, baseUrl, token, conversation])
  return useSyncExternalStore(watch.subscribe, watch.getSnapshot, watch.getSnapshot)
}
