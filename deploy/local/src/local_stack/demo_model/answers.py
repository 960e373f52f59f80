"""What is answered to whom: from a request to all that is to be sent, before anything is."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from local_stack.demo_model import agent, opponent
from local_stack.demo_model.assist import assist, condense
from local_stack.demo_model.judge import PLAIN_JUDGEMENT, judge
from local_stack.demo_model.memory import remember
from local_stack.demo_model.personas import recognise
from local_stack.demo_model.pieces import Pieces
from local_stack.demo_model.report import report
from local_stack.demo_model.requests import ChatRequest, Message
from local_stack.demo_model.roles import Role
from local_stack.demo_model.scene import Scene
from local_stack.demo_model.scripts import SCRIPTS
from local_stack.demo_model.tools import call_tools
from local_stack.demo_model.transcripts import AGENT, OPPONENT, Line
from local_stack.demo_model.wishes import granted

REFUSAL: Final = "I'm sorry, but I can't help with that."
_PLAIN_BEGINNING: Final = (
    "This is a plain answer of the demo model with exactly forty words, so that a bench can count what it sent and "
    "compare it with what arrived at the other end of the stream,"
)
# The product ends a conversation whose agent repeats itself, so the last words change from message to message.
_PLAIN_ENDINGS: Final = (
    "word by word, in order.",
    "piece after piece, nothing lost.",
    "exactly as somebody wrote them.",
    "none missing and none doubled.",
    "however long all this takes.",
)
PLAIN_ANSWER: Final = f"{_PLAIN_BEGINNING} {_PLAIN_ENDINGS[0]}"
_WORD: Final = re.compile(r"\s*\S+")


def answer(request: ChatRequest, seed: int) -> tuple[Pieces, str]:
    """What is sent, piece by piece, and the finish reason: `tool_calls` for tools, else as `cut` says."""
    calls = call_tools(request, seed) if request.base_model != "demo-plain" else ()
    if not calls:
        return cut(compose(request, seed), request.wanted.max_tokens, request.wanted.stop)
    if request.wanted.max_tokens is not None and len(calls) > request.wanted.max_tokens:
        return calls[: request.wanted.max_tokens], "length"
    return calls, "tool_calls"


def compose(request: ChatRequest, seed: int) -> str:
    """The whole answer to a request, before `max_tokens` and `stop` cut it."""
    if request.base_model == "demo-plain":
        return _dumps(PLAIN_JUDGEMENT) if request.wanted.json else _plain(len(request.messages))
    text = _BY_ROLE[request.role](request, seed)
    if request.wanted.json and request.role in ("agent", "other", "opponent", "condense", "memory"):
        return _dumps({"answer": text})
    return text


def _plain(messages: int) -> str:
    """Forty words, by the number of messages alone; each side of a conversation adds two from call to call."""
    return f"{_PLAIN_BEGINNING} {_PLAIN_ENDINGS[messages // 2 % len(_PLAIN_ENDINGS)]}"


def cut(text: str, max_tokens: int | None, stop: tuple[str, ...]) -> tuple[list[str], str]:
    """The words to send, each with the space before it, and the finish reason `stop` or `length`."""
    ends = [position for word in stop if (position := text.find(word)) >= 0]
    words = _WORD.findall(text[: min(ends)] if ends else text)
    if max_tokens is not None and len(words) > max_tokens:
        return words[:max_tokens], "length"
    return words, "stop"


def _dumps(document: dict[str, Any]) -> str:
    # The spaces of json.dumps make words, so that JSON streams like any other text.
    return json.dumps(document, ensure_ascii=False)


def _lines(messages: tuple[Message, ...], own: str, other: str) -> tuple[Line, ...]:
    speakers = {"assistant": own, "user": other}
    spoken = [message for message in messages if message.role in speakers]
    return tuple(Line(seq, speakers[one.role], one.text) for seq, one in enumerate(spoken, start=1))


def _agent(request: ChatRequest, seed: int) -> str:
    return granted(request) or _play_agent(request, seed)


def _play_agent(request: ChatRequest, seed: int) -> str:
    lines = _lines(request.messages, AGENT, OPPONENT)
    said = [line.text for line in lines if line.speaker == OPPONENT]
    scene = Scene(SCRIPTS[recognise(" ".join(said), request.system_prompt).id], lines)
    return agent.answer(scene, request.system_prompt, (seed, request.wanted.seed, "agent", *said[:1]))


def _opponent(request: ChatRequest, seed: int) -> str:
    lines = _lines(request.messages, OPPONENT, AGENT)
    scene = Scene(SCRIPTS[recognise(request.system_prompt).id], lines)
    key = (seed, request.wanted.seed, "opponent", request.system_prompt)
    # Without a seed the caller's request id is what tells two conversations of one persona apart.
    opening_key = key if request.wanted.seed is not None else (*key, request.client_request_id)
    return opponent.reply(scene, request.system_prompt, key, opening_key)


def _judge(request: ChatRequest, seed: int) -> str:
    return _dumps(judge(request.user_text()))


def _report(request: ChatRequest, seed: int) -> str:
    return _dumps(report(request.user_text()))


def _condense(request: ChatRequest, seed: int) -> str:
    return condense(request.user_text())


def _remember(request: ChatRequest, seed: int) -> str:
    return remember(request.user_text())


def _assist(request: ChatRequest, seed: int) -> str:
    return assist(request.user_text(), request.wanted.json)


_BY_ROLE: Final[dict[Role, Callable[[ChatRequest, int], str]]] = {
    "agent": _agent,
    "other": _agent,
    "opponent": _opponent,
    "judge": _judge,
    "report": _report,
    "condense": _condense,
    "memory": _remember,
    "assist": _assist,
}
