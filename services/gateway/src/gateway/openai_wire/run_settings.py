"""The run a request of OpenAI's clients becomes.

The client's history is the run's `given`: system messages are the system prompt, tools' results are the person's.
"""

from collections.abc import Iterator
from typing import Final

from gateway.casting.participants import Casting, TokenBound
from gateway.chat.validation import check_given
from gateway.errors import FieldProblem, InvalidRequest
from gateway.openai_wire.requests import SYSTEM, CompletionBody, WireMessage
from gateway.settings import GatewaySettings
from gateway.single_answers.runs import UNREAD_AT_ONCE, answer_settings, check_window
from shared.contracts.enums import Side
from shared.contracts.settings import GivenMessage, Participant, RunSettings
from shared.contracts.transcript import ToolCall, ToolResult

TIME_LIMIT_SECONDS: Final = 300.0
SAMPLING: Final = ("top_p", "presence_penalty", "frequency_penalty", "seed", "parallel_tool_calls")


def completion_settings(body: CompletionBody, casting: Casting, settings: GatewaySettings) -> RunSettings:
    """How the request is answered. Raises InvalidRequest, ContextTooLong and UnknownModel."""
    if body.messages[-1].role not in ("user", "tool"):
        sentence = "must end with a user's or a tool's message, which is answered"
        raise InvalidRequest(FieldProblem("messages", sentence))
    asked = answer_settings(
        _participant(body, casting, settings),
        list(_given(body.messages)),
        time_limit_seconds=TIME_LIMIT_SECONDS,
        orphan_seconds=UNREAD_AT_ONCE,
    )
    check_window(asked, casting.router)
    return asked


def _participant(body: CompletionBody, casting: Casting, settings: GatewaySettings) -> Participant:
    most, field = body.most_tokens
    participant = casting.participant(
        casting.router.wish_of(body.model),
        system_prompt="\n\n".join(message.text for message in body.messages if message.role in SYSTEM),
        temperature=body.temperature,
        tokens=TokenBound(most, settings.chat_max_tokens, field),
        stop=body.stops,
    )
    sampling = {name: getattr(body, name) for name in SAMPLING}
    return participant.model_copy(update={"tools": body.offered_tools, **sampling})


def _given(messages: list[WireMessage]) -> Iterator[GivenMessage]:
    """The transcript before the answer; results of tools that were asked for together are one message."""
    results: list[ToolResult] = []
    for place, message in enumerate(messages):
        if message.role == "tool":
            results.append(_result(message, place))
            continue
        if results:
            yield _gave(results, place - 1)
            results = []
        if message.role not in SYSTEM:
            yield _said(message, place)
    if results:
        yield _gave(results, len(messages) - 1)


def _gave(results: list[ToolResult], place: int) -> GivenMessage:
    given = GivenMessage(side=Side.OPPONENT, content="", tool_results=tuple(results))
    check_given(given, f"messages.{place}.content")
    return given


def _said(message: WireMessage, place: int) -> GivenMessage:
    calls = tuple(
        ToolCall(id=call.id, name=call.function.name, input=call.function.arguments or "{}")
        for call in message.tool_calls or ()
    )
    side = Side.AGENT if message.role == "assistant" else Side.OPPONENT
    given = GivenMessage(side=side, content=message.text, author=message.name, tool_calls=calls)
    check_given(given, f"messages.{place}.tool_calls")
    return given


def _result(message: WireMessage, place: int) -> ToolResult:
    if message.tool_call_id is None:
        raise InvalidRequest(FieldProblem(f"messages.{place}.tool_call_id", "is required"))
    return ToolResult(tool_call_id=message.tool_call_id, output=message.text)
