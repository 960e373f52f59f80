"""The JSON texts that an answer over HTTP is made of, whatever it says that it is.

What was asked for as a stream may come as one body, an error may come without any framing, and a web site may answer:
the first bytes say more than the headers do.
"""

import json
from collections.abc import Callable

from llm_runner.providers.dialects.sse import LONGEST_EVENT, EventTooLong, SseDecoder
from llm_runner.providers.provider import Malformed, ProviderFailure
from shared.contracts.enums import FailureFamily as Family

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SHOWN_BYTES = 200


class AnswerFrames:
    """Cuts the bytes of one answer of `provider` into JSON texts: an event's data each, or the whole body.

    `whole` says that the answer is one body, known from its first bytes on.
    """

    def __init__(self, provider: str) -> None:
        self.whole = False
        self._provider = provider
        self._sse = SseDecoder()
        self._begun: list[bytes] = []
        self._size = 0
        self.feed: Callable[[bytes], list[bytes]] = self._begin

    def end(self) -> list[bytes]:
        """The rest. Raises ProviderFailure for a web page, and for nothing but blank lines."""
        if self.feed == self._sse.feed:
            return [data for data in self._sse.end() if data.strip()]
        body = b"".join(self._begun).strip()
        if not body or body == BYTE_ORDER_MARK:
            raise ProviderFailure(Family.OVERLOADED, f"{self._provider} kept the call waiting and answered nothing")
        if body.startswith(b"<"):
            message = f"{self._provider} answered with a web page: its baseUrl points at a web site"
            raise ProviderFailure(Family.PROTOCOL, message, charged=False, repeats=0)
        return _split(body)

    def _begin(self, piece: bytes) -> list[bytes]:
        """Waits for the first byte that says something."""
        self._begun.append(piece)
        began = b"".join(self._begun)
        if len(began) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(began):
            return []
        began = began.removeprefix(BYTE_ORDER_MARK)
        seen = began.lstrip()
        if not seen:
            self._begun.clear()
            self._check(len(piece))
            return []
        if seen[:1] in b"{[<":
            self.whole = True
            self._begun = [seen]
            self.feed = self._collect
            return []
        self._begun.clear()
        self.feed = self._sse.feed
        return self._sse.feed(began)

    def _collect(self, piece: bytes) -> list[bytes]:
        self._begun.append(piece)
        self._check(len(piece))
        return []

    def _check(self, more: int) -> None:
        self._size += more
        if self._size > LONGEST_EVENT:
            raise EventTooLong


def _split(body: bytes) -> list[bytes]:
    """A body as one JSON text; where a stream's end is glued to it, without that. Raises Malformed."""
    try:
        text = body.decode()
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("no JSON") from error
    return [text[:end].encode()]
