/** How often a run is polled: fast while there is news, slowly after ten polls without or in a hidden tab. */

const QUIET_AFTER = 10

export class PollingPace {
  #withoutNews = 0

  note(news: boolean): void {
    this.#withoutNews = news ? 0 : this.#withoutNews + 1
  }

  /** Milliseconds until the next poll, spread so that many tabs do not poll together. */
  next(): number {
    return this.#quiet || isHidden() ? 3_000 + Math.random() * 2_000 : 1_000 + Math.random() * 500
  }

  /** Nobody looks and nothing happens: resolves when the tab is looked at again, at once in any other case. */
  async untilWanted(signal: AbortSignal): Promise<void> {
    if (!this.#quiet || !isHidden()) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        if (isHidden() && !signal.aborted) return
        document.removeEventListener('visibilitychange', wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      document.addEventListener('visibilitychange', wake)
      signal.addEventListener('abort', wake)
    })
    signal.throwIfAborted()
  }

  get #quiet(): boolean {
    return this.#withoutNews >= QUIET_AFTER
  }
}

function isHidden(): boolean {
  return typeof document !== 'undefined' && document.visibilityState === 'hidden'
}
