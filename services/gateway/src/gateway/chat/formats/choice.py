"""Which format an answer is written in, and what its headers say."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from gateway.answers.formats import AnswerContext, AnswerFormat
from gateway.answers.positions import ChunkEncoder
from gateway.chat.formats.data_stream import HEADERS as DATA_HEADERS
from gateway.chat.formats.data_stream import DataStream
from gateway.chat.formats.text import TEXT_HEADERS, ContentEvents, PlainText
from gateway.chat.formats.ui_stream import HEADERS as UI_HEADERS
from gateway.chat.formats.ui_stream import UiStream
from gateway.schemas.chat import FormatWord

LEAVES_FOR_GOOD: Final = frozenset({"sse", "json"})
"""Formats whose readers do not come again: the last one to leave stops the answer."""
WITH_COMMENTS: Final = frozenset({"ui", "sse"})
"""Formats that are event streams: comments may stand between their chunks."""
_HEADERS: Final[Mapping[str, Mapping[str, str]]] = {
    "ui": UI_HEADERS,
    "data": DATA_HEADERS,
    "text": TEXT_HEADERS,
    "sse": {},
}


def written_as(word: FormatWord, about: AnswerContext, encoder: ChunkEncoder, resets: bool) -> AnswerFormat:
    """The format of a stream, for one answer; `resets` where the client knows `reset-step`."""
    match word:
        case "data":
            return DataStream(about)
        case "text":
            return PlainText()
        case "sse":
            return ContentEvents(encoder)
        case _:
            return UiStream(about, encoder, resets)


def knows_resets(request: Request) -> bool:
    """Whether the client announces an AI SDK that knows `reset-step`."""
    version = request.headers.get("x-ai-sdk", "").partition(".")[0].strip()
    return version.isascii() and version.isdecimal() and int(version[:4]) >= 7


def headers_of(word: FormatWord) -> Mapping[str, str]:
    """A format's own headers; what the answer's route says stands beside them."""
    return _HEADERS.get(word, {})
