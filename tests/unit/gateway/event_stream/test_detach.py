"""What is left of a request while its stream is served."""

from typing import Any

from starlette.types import Message, Receive, Scope, Send

from gateway.event_stream.connections.detach import OutermostLayer, detach


class Layered:
    """An app of one layer that notes what passes it, and a stream behind it."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.inside = False
        self.served_inside: bool | None = None
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_through(message: Message) -> None:
            self.passed.append(message["type"])
            await send(message)

        self.inside, self.scope = True, scope
        scope["endpoint"] = "what routing leaves"
        await send_through({"type": "http.response.start", "status": 200, "headers": []})
        await detach(scope, receive, send_through, self._rest)
        self.inside = False

    async def _rest(self, receive: Receive, send: Send) -> None:
        self.served_inside = self.inside
        await send({"type": "http.response.body", "body": b"x", "more_body": False})


async def never() -> Message:
    raise AssertionError("nobody asks")


async def asked(app: Any, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, never, send)
    return sent


async def test_stream_is_served_behind_the_layers_and_keeps_nothing_of_the_request() -> None:
    layered = Layered()
    sent = await asked(OutermostLayer(layered), {"type": "http", "method": "GET", "headers": [], "path": "/x"})
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert layered.passed == ["http.response.start"]
    assert layered.served_inside is False
    assert layered.scope == {"type": "http", "method": "GET"}


async def test_without_the_outermost_layer_a_stream_is_served_where_it_is() -> None:
    layered = Layered()
    sent = await asked(layered, {"type": "http", "method": "GET"})
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert layered.served_inside is True


async def test_answer_that_is_no_stream_leaves_the_request_alone() -> None:
    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    scope: Scope = {"type": "http", "method": "GET", "path": "/x"}
    assert len(await asked(OutermostLayer(plain), scope)) == 1
    assert scope["path"] == "/x"
