/** What an answer means for whoever wants to go on. */

/** The server said that an answer or a run cannot be followed, and will say so again (401, 403, 404 ...). */
export class Refused extends Error {
  override readonly name = 'Refused'

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** What a refusal says: the `message` of the contract's error shape, else the bare status. */
export async function refusalOf(response: Response): Promise<Refused> {
  const body: unknown = await response.json().catch(() => null)
  const message = body !== null && typeof body === 'object' && 'message' in body ? body.message : null
  return new Refused(response.status, typeof message === 'string' ? message : `The server answered ${response.status}.`)
}

/** Whether the same request may be answered otherwise a little later. */
export function passes(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429
}

/** Whether an answer is a stream of events, by its status and content type. */
export function isEventStream(response: Response): boolean {
  return response.ok && (response.headers.get('content-type') ?? '').startsWith('text/event-stream')
}
