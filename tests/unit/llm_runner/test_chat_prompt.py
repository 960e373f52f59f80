"""What a chat's model is shown: summary, window, and tools."""

from collections.abc import Sequence

import pytest

from llm_runner.providers.prompt import Role, Tool, Turn
from llm_runner.purposes import build_prompt
from llm_runner.purposes.chat import SUMMARY, message_tokens, window_for
from llm_runner.purposes.chat_turns import chat_turns
from shared.contracts.enums import Purpose, Side
from shared.contracts.generations import Generation
from shared.contracts.transcript import Entry, ToolCall, ToolResult
from shared.contracts.work import GenerationRequested
from shared.routing import ModelEntry
from shared.routing.text_tokens import text_tokens
from support.builders import AGENT, generation, job, message, scenario

CHAT = "chat"
SETTINGS = scenario()
WIDE = 8000
ASKS = ToolCall(id="call-1", name="weather", input='{"city":"Rome"}')
GAVE = ToolResult(tool_call_id="call-1", output='"sunny"')


def _said(seq: int, text: str = "", side: Side | None = None, **fields: object) -> Entry:
    """A message: the person's where its seq is odd, unless `side` says otherwise."""
    return message(CHAT, seq, text or f"text {seq}", **({"side": side} if side else {}), **fields)


def _calls(seq: int, *calls: ToolCall, text: str = "") -> Entry:
    return message(CHAT, seq, text, side=Side.AGENT, tool_calls=calls)


def _results(seq: int, *results: ToolResult) -> Entry:
    return message(CHAT, seq, "", side=Side.OPPONENT, tool_results=results)


def _job(seq: int, purpose: Purpose = Purpose.CHAT) -> GenerationRequested:
    return job(CHAT, seq, purpose, side=Side.AGENT)


def _memory(seq: int, text: str = "Ada wants a kettle.") -> Generation:
    return generation(CHAT, seq, Purpose.MEMORY, content=text)


def _shown(
    messages: Sequence[Entry], memory: Generation | None = None, window: int = WIDE
) -> tuple[str, list[str], int | None]:
    """The instructions, the texts behind them, and what is folded."""
    prompt = build_prompt(_job(messages[-1].seq + 1), SETTINGS, messages, 1, memory, window)
    return prompt.system, [str(text) for turn in prompt.turns for text in turn.parts], prompt.folded_to


def _kinds(turns: Sequence[Turn]) -> list[str]:
    """Whose each turn is: what tools gave is theirs."""
    return ["tool" if isinstance(turn.parts[0], ToolResult) else turn.role for turn in turns]


def _text(*seqs: int) -> list[str]:
    return [f"text {seq}" for seq in seqs]


def test_a_short_chat_is_shown_whole() -> None:
    assert _shown([_said(seq) for seq in range(1, 6)]) == (AGENT.system_prompt, _text(1, 2, 3, 4, 5), None)


def test_what_is_summed_up_is_shown_as_its_summary() -> None:
    system, texts, folded_to = _shown([_said(seq) for seq in range(1, 8)], _memory(4))
    assert system == f"{AGENT.system_prompt}\n\n{SUMMARY}Ada wants a kettle."
    assert (texts, folded_to) == (_text(5, 6, 7), 4)


def test_the_last_three_messages_are_shown_although_a_summary_covers_them() -> None:
    _, texts, folded_to = _shown([_said(seq) for seq in range(1, 6)], _memory(5))
    assert (texts, folded_to) == (_text(3, 4, 5), 2)


def test_a_summary_of_messages_that_were_taken_back_is_not_shown() -> None:
    """Messages 3 to 9 were taken back, and the chat went on with 10."""
    system, texts, folded_to = _shown([_said(1), _said(2), _said(10, side=Side.OPPONENT)], _memory(6))
    assert (system, texts, folded_to) == (AGENT.system_prompt, _text(1, 2, 10), None)


def test_the_oldest_messages_leave_until_the_rest_fits() -> None:
    messages = [_said(seq, "x" * 400) for seq in range(1, 12)]
    room = 4 * message_tokens(messages[0])
    system_tokens = -(-len(AGENT.system_prompt) // 4)
    _, texts, folded_to = _shown(messages, window=room + system_tokens)
    assert (len(texts), folded_to) == (4, 7)
    assert len(_shown(messages, window=room + system_tokens - 1)[1]) == 3


def test_a_summary_takes_of_the_window() -> None:
    messages = [_said(seq, "x" * 400) for seq in range(1, 12)]
    window = 7 * message_tokens(messages[0])
    assert len(_shown(messages, _memory(2, "short"), window)[1]) > len(
        _shown(messages, _memory(2, "x" * 400), window)[1]
    )


def test_the_last_three_messages_are_shown_however_long_they_are() -> None:
    messages = [_said(seq, "x" * 40_000) for seq in range(1, 8)]
    assert _shown(messages)[2] == 4


@pytest.mark.parametrize(
    ("context_window", "answer", "window"),
    [(128_000, 4_096, 8_000), (10_000, 4_000, 6_000), (4_096, 4_096, 2_048), (16_000, 8_000, 8_000)],
)
def test_a_window_leaves_room_for_the_answer(context_window: int, answer: int, window: int) -> None:
    assert window_for(ModelEntry(context_window=context_window), 8_000, answer) == window


def test_a_call_stays_with_what_its_tool_gave() -> None:
    messages = [_said(1), _calls(2, ASKS), _results(3, GAVE), _said(4), _said(5)]
    prompt = build_prompt(_job(6), SETTINGS, messages, 1, None, 10)
    assert _kinds(prompt.turns) == ["assistant", "tool", "assistant", "user"]
    assert prompt.folded_to == 1


def test_tools_reach_the_model_of_a_chat_and_of_an_answer() -> None:
    tools: tuple[dict[str, object], ...] = ({"name": "weather"}, {"type": "function", "function": {"name": "time"}})
    settings = SETTINGS.model_copy(update={"agent": AGENT.model_copy(update={"tools": tools})})
    for purpose in (Purpose.CHAT, Purpose.ASSIST):
        assert build_prompt(_job(2, purpose), settings, [_said(1)], 1, None, WIDE).tools == tuple(map(Tool, tools))


def test_an_answer_shows_its_model_all_that_was_brought() -> None:
    messages = [_said(seq, "x" * 40_000) for seq in range(1, 8)]
    assert len(build_prompt(_job(8, Purpose.ASSIST), SETTINGS, messages, 1, None, WIDE).turns) == 7


def test_a_tools_result_follows_its_call() -> None:
    turns = chat_turns([_said(1), _calls(2, ASKS, text="Let me see."), _results(3, GAVE)], "demo")
    assert turns == [
        Turn(Role.USER, ("text 1",)),
        Turn(Role.ASSISTANT, ("Let me see.", ASKS)),
        Turn(Role.USER, (GAVE,)),
    ]


@pytest.mark.parametrize(
    ("messages", "roles"),
    [
        ([_calls(2, ASKS), _said(3)], ["user"]),
        ([_calls(2, ASKS, text="Well."), _said(3)], ["assistant", "user"]),
        ([_results(3, GAVE), _said(4), _said(5)], ["assistant", "user"]),
        ([_said(1), message(CHAT, 2, "", finish_reason="error"), _said(3)], ["user"]),
        ([_calls(2, ASKS), _said(3), _said(4), _results(5, GAVE)], ["assistant", "tool", "user", "assistant"]),
        (
            [_calls(2, ASKS), _results(3, GAVE), _calls(4, ASKS), _results(5, GAVE)],
            ["assistant", "tool", "assistant", "tool"],
        ),
        ([_calls(2, ASKS), _calls(4, ASKS), _results(5, GAVE)], ["assistant", "tool"]),
    ],
    ids=[
        "a call without a result",
        "its text stays",
        "a result without its call",
        "an answer that failed",
        "a result that came late",
        "two calls of one id",
        "the older one has no result",
    ],
)
def test_calls_and_results_are_shown_in_pairs(messages: list[Entry], roles: list[str]) -> None:
    assert _kinds(chat_turns(messages, "demo")) == roles


def test_what_a_person_wrote_in_a_row_is_one_message() -> None:
    assert chat_turns([_said(1), _said(2, side=Side.OPPONENT)], "demo") == [Turn(Role.USER, ("text 1\n\ntext 2",))]


def test_a_file_that_a_person_sent_is_named() -> None:
    parts = ({"type": "file", "filename": "kettle.jpg", "url": "data:,"}, {"type": "file", "mediaType": "image/png"})
    (turn,) = chat_turns([_said(1, "See here.", parts=(*parts, {"type": "data-x"}))], "demo")
    assert turn.parts == ("See here.\n[attached file, not shown: kettle.jpg]\n[attached file, not shown: image/png]",)


def test_the_tokens_of_a_prompt_count_calls_and_tools() -> None:
    messages = [_said(1), _calls(2, ASKS), _results(3, GAVE)]
    settings = SETTINGS.model_copy(update={"agent": AGENT.model_copy(update={"tools": ({"name": "weather"},)})})
    plain = build_prompt(_job(4), SETTINGS, messages, 1, None, WIDE)
    tooled = build_prompt(_job(4), settings, messages, 1, None, WIDE)
    texts = (AGENT.system_prompt, "text 1", GAVE.output, ASKS.id + ASKS.name + ASKS.input)
    assert plain.tokens == sum(map(text_tokens, texts))
    assert tooled.tokens == plain.tokens + text_tokens(str({"name": "weather"}))


def test_authors_with_names_stay_apart() -> None:
    said = [message("c", seq, f"m{seq}", side=Side.OPPONENT, author=name) for seq, name in enumerate("aab", 1)]
    answered = message("c", 4, "Yes.", side=Side.AGENT, author="clerk")
    assert chat_turns([*said, answered], "demo") == [
        Turn(Role.USER, ("m1\n\nm2",), "a"),
        Turn(Role.USER, ("m3",), "b"),
        Turn(Role.ASSISTANT, ("Yes.",), "clerk"),
    ]
