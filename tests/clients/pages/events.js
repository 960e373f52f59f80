/** A native EventSource over a run's events: every event it gets, in order, as id and type. */

const { url, types } = window.given
const source = new EventSource(url)
window.view = { events: [], ended: false, failed: false }

for (const type of types) {
  source.addEventListener(type, ({ lastEventId }) => {
    window.view.events.push(`${lastEventId} ${type}`)
    if (type !== 'run.ended') return
    window.view.ended = true
    source.close()
  })
}
source.addEventListener('error', () => {
  window.view.failed ||= source.readyState === EventSource.CLOSED
})
