/** How long to wait between attempts, and waiting itself. */

export const FIRST_WAIT = 1_000
export const LONGEST_WAIT = 30_000

/** Milliseconds before the attempt after `failures` failures in a row; `first` is what the server advised. */
export function backoff(failures: number, first: number = FIRST_WAIT): number {
  return Math.min(first * 2 ** failures, LONGEST_WAIT)
}

/** Resolves after so many milliseconds; rejects with the signal's reason as soon as it is aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', stop, { once: true })
  })
}
