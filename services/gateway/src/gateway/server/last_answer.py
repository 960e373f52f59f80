"""The last answer of a connection as HTTP wants it: uvicorn says two things of the connection, and chunks to 1.0."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def last_answer(app: ASGIApp, cycle: RequestResponseCycle, linger: Callable[[], None]) -> ASGIApp:
    """The app, its answer ended by the end of its connection.

    `linger` ends a connection whose request has not come whole: uvicorn closes it, and so resets it under the answer.
    """
    chunks = cycle.scope["http_version"] != "1.0"

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"connection"]
                message = {**message, "headers": headers}
                cycle.chunked_encoding = None if chunks else False
            elif not chunks:
                # It is neither counted nor cut into chunks: its end is the connection's.
                cycle.expected_content_length = len(message.get("body", b""))
            if message["type"] == "http.response.start" or message.get("more_body") or not cycle.more_body:
                await send(message)
                return
            cycle.keep_alive = True
            await send(message)
            linger()

        await app(scope, receive, send_last)

    return answered
