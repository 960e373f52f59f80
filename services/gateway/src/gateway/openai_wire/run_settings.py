"""The run a request of OpenAI's clients becomes.

The client's history is the run's `given`: system messages are the system prompt, tools' results are the person's.
"""

from collections.abc import Iterator
from typing import Final

from gateway.casting.participants import Casting, TokenBound
from gateway.chat.validation import check_given
from gateway.errors import FieldProblem, InvalidRequest
from gateway.openai_wire.requests import SYSTEM, CompletionBody, WireMessage
from gateway.openai_wire.tool_choices import WireChosenTool, is_required, named
from gateway.settings import GatewaySettings
from gateway.single_answers.runs import UNREAD_AT_ONCE, answer_settings, check_window
from shared.contracts.enums import Side
from shared.contracts.settings import GivenMessage, Participant, RunSettings
from shared.contracts.transcript import ToolCall, ToolResult

TIME_LIMIT_SECONDS: Final = 300.0
ANSWERED: Final = ("user", "tool")
SILENCE: Final = GivenMessage(side=Side.OPPONENT, content="")
"""What is answered where a history ends with its instructions, or with the model: its model is not shown it."""
SAMPLING: Final = ("top_p", "presence_penalty", "frequency_penalty", "seed", "parallel_tool_calls")


def completion_settings(body: CompletionBody, casting: Casting, settings: GatewaySettings) -> RunSettings:
    """How the request is answered. Raises InvalidRequest, ContextTooLong and UnknownModel."""
    asked = answer_settings(
        _participant(body, casting, settings),
        [*_given(body.messages), *([] if body.messages[-1].role in ANSWERED else [SILENCE])],
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
    asked = {name: getattr(body, name) for name in SAMPLING}
    tools, chosen = body.offered_tools, named(body.tool_choice)
    _check_choice(body, chosen)
    if is_required(body.tool_choice):
        asked["tool_required"] = True
        asked["named_tool"] = chosen.pop() if isinstance(body.tool_choice, WireChosenTool) else None
    return participant.model_copy(update={"tools": tools, "answer_format": body.answer_format, **asked})


def _check_choice(body: CompletionBody, chosen: set[str]) -> None:
    """A tool that has to be asked for is one of the request's own."""
    known = {tool.function.name for tool in body.tools or ()}
    if chosen - known or (is_required(body.tool_choice) and not known):
        raise InvalidRequest(FieldProblem("tool_choice", "asks for a tool that is not among tools", sorted(known)))


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
