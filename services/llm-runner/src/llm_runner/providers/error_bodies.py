"""What stands in an error, in whichever shape a provider writes it: its message, its words, the field it names. Pure.

{"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}          OpenAI and many others
[{"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [...]}}]   Gemini
{"detail": [{"loc": ["body", "x"], "msg": "m", "type": "extra_forbidden"}]}  servers on FastAPI
{"error": {"message": "Provider returned error", "metadata": {"raw": "{...}"}}}   OpenRouter, about whom it asked
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

LONGEST_PAGE_TEXT = 200
DEEPEST = 6
GENERIC: Final = frozenset({"", "error", "provider returned error", "upstream error", "bad request"})
"""Messages that say nothing: what the provider behind the provider said stands in their place."""
_HIDDEN: Final = re.compile(r"<(script|style|svg)\b.*?(</\1\s*>|$)|<!--.*?(-->|$)", re.DOTALL | re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]*(>|$)")
_INSIDE: Final = ("error", "errors", "detail", "message", "metadata", "raw", "innererror", "inner_error", "base_resp")
"""Where an error stands within another."""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error as it came; what it does not hold is empty.

    `words` are its codes, types and kinds in small letters, the innermost first: what is said closest to the fault
    counts most. `status` is the number that stands in it, `param` the field of the request it names as a path with
    dots. `members` are all its objects, the outermost first. `is_page` says that it is a web page.
    """

    message: str = ""
    words: tuple[str, ...] = ()
    param: str = ""
    status: int | None = None
    members: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    is_page: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said at all."""
        return not (self.message or self.words or self.members)


def error_body(body: bytes) -> ErrorBody:
    """The error in a body of any kind: JSON, an event of a stream, a web page, plain text, nothing. It may be cut."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff").strip()
    if text.startswith(("data:", "event:", "id:", ":")):
        text = _data(text)
    if text.startswith("<"):
        return ErrorBody(_page_text(text), is_page=True)
    value = _json(text)
    return ErrorBody(" ".join(text.split())) if value is None else error_value(value)


def error_value(value: object) -> ErrorBody:
    """The error in a JSON value, as it stands in a body or within a stream."""
    members = tuple(_members(value))
    found = [_message(member) for member in members]
    messages = [*([value.strip()] if isinstance(value, str) else []), *(text for text in found if text)]
    told = [text for text in messages if text.lower().rstrip(".") not in GENERIC]
    words = tuple(word for member in reversed(members) for word in _words(member))
    statuses = (number for member in members for number in _statuses(member))
    params = (param for member in reversed(members) if (param := _param(member)))
    filtered = [name for member in members for name in _filtered(member)]
    message = (told or messages or [""])[-1]
    return ErrorBody(
        message + (f" (filtered: {', '.join(filtered)})" if filtered else ""),
        words,
        next(params, ""),
        next(statuses, None),
        members,
    )


def _data(text: str) -> str:
    """What the first event of a stream holds."""
    lines = (line.partition(":") for line in text.splitlines())
    return "\n".join(rest.strip() for name, _, rest in lines if name == "data")


def _json(text: str) -> object:
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value


def _page_text(page: str) -> str:
    """The words of a page, not many. It is cut between two of them: none may be the half of a key."""
    words = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", page))).split()
    text = ""
    for word in words:
        if len(text) + len(word) + 1 > LONGEST_PAGE_TEXT:
            return f"{text} ..."
        text = f"{text} {word}" if text else word
    return text


def _members(value: object, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Every object an error is told in, the outermost first; JSON within a text is looked into, too."""
    if depth > DEEPEST:
        return
    if isinstance(value, str):
        if value.lstrip()[:1] in {"{", "["} and isinstance(inner := _json(value.strip()), dict | list):
            yield from _members(inner, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _members(one, depth + 1)
    elif isinstance(value, dict):
        yield value
        for name in _INSIDE:
            yield from _members(value.get(name), depth + 1)


def _message(member: Mapping[str, Any]) -> str:
    """What an object says in words. A text of JSON is no message: what it holds is looked at by itself."""
    named = (
        member.get(name) for name in ("message", "Message", "msg", "detail", "error", "status_msg", "raw", "title")
    )
    texts = (value.strip() for value in named if isinstance(value, str))
    text = next((text for text in texts if text and not isinstance(_json(text), dict | list)), "")
    place = _place(member)
    return f"{place}: {text}" if text and place else text


def _words(member: Mapping[str, Any]) -> Iterator[str]:
    for name in ("code", "type", "status", "reason", "error_type", "__type", "object", "statusText"):
        value = member.get(name)
        if isinstance(value, str) and value and len(value) <= 100 and status_of(value) is None and value != "error":
            yield value.rpartition("#")[2].lower().replace("-", "_")
    if any(_filtered(member)):
        yield "content_filter"
    if isinstance(error := member.get("error"), str) and isinstance(member.get("message"), str):
        yield error.lower().replace("-", "_")


def _statuses(member: Mapping[str, Any]) -> Iterator[int]:
    for name in ("code", "status", "status_code", "statusCode", "http_status", "error_code"):
        if number := status_of(member.get(name)):
            yield number


def status_of(value: object) -> int | None:
    """The status that stands in an error, as a number or as text; None for anything else."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdecimal():
        value = int(value)
    return value if type(value) is int and 400 <= value < 600 else None


def _param(member: Mapping[str, Any]) -> str:
    value = member.get("param")
    return value if isinstance(value, str) and value else _place(member)


def _place(member: Mapping[str, Any]) -> str:
    """Where FastAPI's servers say that it is, as in `["body", "stream_options", "include_usage"]`."""
    place = member.get("loc")
    if not isinstance(place, list):
        return ""
    return ".".join(str(step) for step in (place[1:] if place[:1] == ["body"] else place))


def _filtered(member: Mapping[str, Any]) -> Iterator[str]:
    """Of which kinds Azure found a text, or OpenRouter's moderation."""
    for name in ("content_filter_result", "content_filter_results"):
        kinds = member.get(name)
        for kind, found in kinds.items() if isinstance(kinds, dict) else ():
            if isinstance(found, dict) and found.get("filtered"):
                yield str(kind)
    reasons = member.get("reasons")
    yield from (reason for reason in (reasons if isinstance(reasons, list) else ()) if isinstance(reason, str))
