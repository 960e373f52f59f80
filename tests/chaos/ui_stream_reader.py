"""An answer as its client puts it together: the AI SDK's UI message stream over as many connections as it takes.

A client that speaks AI SDK 7 knows `reset-step`; to an older one a text that is taken back is a step that ended and
another that began. Whatever no such client could make sense of is written down as a surprise.
"""

from collections.abc import AsyncIterator, Callable

import orjson

from chaos.chaos_log import Body, Heard

DONE = "[DONE]"
ENDINGS = frozenset({"finish", "abort", "error"})


async def read_chunks(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str | None, str]]:
    """Id and data of every chunk; one that the end cuts off is dropped, as the HTML standard has it."""
    identity, data = None, ""
    async for line in lines:
        name, _, value = line.partition(": ")
        if not line:
            if data:
                yield identity, data
            identity, data = None, ""
        elif name == "id":
            identity = value
        elif name == "data":
            data += value


def counted(question: str) -> str:
    """What the model answers to `count to N`."""
    number = question.rpartition(" ")[2]
    return " ".join(str(one) for one in range(1, int(number) + 1)) if number.isdecimal() else ""


def hear(heard: Heard, identity: str | None, data: str) -> None:
    """Adds one chunk to what was heard."""
    if identity is None or identity in heard.ids:
        heard.surprises.append(f"{data[:100]} came twice, or without an id: {identity}")
    heard.ids.add(identity or "")
    heard.last_id = identity
    if data == DONE:
        heard.done = True
        return
    chunk: Body = orjson.loads(data)
    if (heard.seq is None) != (chunk["type"] == "start") or heard.ended:
        heard.surprises.append(f"{chunk['type']} of answer {heard.seq}, which {heard.ended or 'goes on'}")
    said = _CHUNKS.get(chunk["type"], _unknown)(heard, chunk)
    if said:
        heard.surprises.append(f"answer {heard.seq}: {said}")


def _start(heard: Heard, chunk: Body) -> str | None:
    known = chunk["messageMetadata"]
    heard.seq, heard.chat_id, heard.message_id = known["seq"], known["chatId"], chunk["messageId"]
    return None


def _step(heard: Heard, _: Body) -> str | None:
    within, heard.in_step = heard.in_step, True
    _take_back(heard)
    return "a step within a step" if within else None


def _reset(heard: Heard, _: Body) -> str | None:
    possible = heard.resets and heard.in_step
    heard.open_text = None
    _take_back(heard)
    return None if possible else "reset-step where there is no step, or to a client that does not know it"


def _take_back(heard: Heard) -> None:
    heard.taken_back += bool(heard.text)
    heard.text = ""


def _text_start(heard: Heard, chunk: Body) -> str | None:
    possible = heard.in_step and heard.open_text is None and chunk["id"] not in heard.text_ids
    heard.open_text = chunk["id"]
    heard.text_ids.add(chunk["id"])
    return None if possible else f"text {chunk['id']} begins out of place"


def _text(heard: Heard, chunk: Body) -> str | None:
    heard.text += chunk["delta"]
    if not heard.whole.startswith(heard.text):
        return f"told was ...{heard.text[-40:]!r}, which is no beginning of the answer"
    return None if chunk["id"] == heard.open_text else f"a delta of {chunk['id']}, open is {heard.open_text}"


def _text_end(heard: Heard, chunk: Body) -> str | None:
    ended, heard.open_text = heard.open_text, None
    return None if chunk["id"] == ended else f"text {chunk['id']} ends, open is {ended}"


def _step_end(heard: Heard, _: Body) -> str | None:
    possible = heard.in_step and heard.open_text is None
    heard.in_step = False
    return None if possible else "a step ends out of place"


def _metadata(heard: Heard, chunk: Body) -> str | None:
    heard.metadata |= chunk["messageMetadata"]
    return None


def _end(heard: Heard, chunk: Body) -> str | None:
    heard.ended = chunk["type"]
    return "the answer ends within a step" if heard.in_step else None


def _unknown(_: Heard, chunk: Body) -> str | None:
    return f"a chunk nobody expected: {chunk}"


_CHUNKS: dict[str, Callable[[Heard, Body], str | None]] = {
    "start": _start,
    "start-step": _step,
    "reset-step": _reset,
    "text-start": _text_start,
    "text-delta": _text,
    "text-end": _text_end,
    "finish-step": _step_end,
    "message-metadata": _metadata,
    **dict.fromkeys(ENDINGS, _end),
}
