"""What is sent to Ollama's own chat."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from llm_runner.providers.dialects.ollama import OllamaChat
from llm_runner.providers.prompt import (
    Address,
    Audio,
    Inline,
    JsonFormat,
    Part,
    Picture,
    Prompt,
    Role,
    Sampling,
    Tool,
    ToolUse,
    Turn,
)
from llm_runner.providers.provider import ProviderFailure
from shared.contracts.transcript import ToolCall, ToolResult
from unit.llm_runner.prompts import plain_prompt, target

PROMPT = plain_prompt()
WEATHER = Tool({"name": "weather"})
ASKS = ToolCall(id="call-1", name="weather", input='{"city":"Rome"}')


def _sent(prompt: Prompt) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(OllamaChat().body(target("llama"), prompt))
    return body


def test_the_window_is_always_said() -> None:
    assert _sent(replace(PROMPT, system="Be kind.")) == {
        "model": "llama",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "options": {"num_ctx": 128_000, "num_predict": 9, "temperature": 0.5, "seed": 4},
    }


def test_sampling_goes_into_the_options() -> None:
    options = _sent(replace(PROMPT, sampling=Sampling(0.0, 9, 4, stop=("END",), top_p=0.5)))["options"]
    assert (options["temperature"], options["stop"], options["top_p"]) == (0.0, ["END"], 0.5)


def test_tools_their_calls_and_what_they_gave() -> None:
    turns = (
        Turn(Role.ASSISTANT, (ASKS,)),
        Turn(Role.USER, ("And?", ToolResult(tool_call_id="call-1", output="sunny"))),
    )
    body = _sent(replace(PROMPT, turns=turns, tools=(WEATHER,)))
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Rome"}}}],
        },
        {"role": "tool", "content": "sunny", "tool_name": "weather"},
        {"role": "user", "content": "And?"},
    ]
    assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert "tools" not in _sent(replace(PROMPT, tools=(WEATHER,), tool_choice=ToolUse.NONE))


@pytest.mark.parametrize(("schema", "sent"), [(None, "json"), ({"type": "array"}, {"type": "array"})])
def test_a_format_is_a_word_or_a_schema(schema: dict[str, object] | None, sent: object) -> None:
    assert _sent(replace(PROMPT, answer_format=JsonFormat(schema)))["format"] == sent


def test_a_picture_goes_by_its_bytes() -> None:
    turn = Turn(Role.USER, ("What is it?", Picture(Inline("image/png", "QUJD"))))
    (message,) = _sent(replace(PROMPT, turns=(turn,)))["messages"]
    assert message == {"role": "user", "content": "What is it?", "images": ["QUJD"]}


@pytest.mark.parametrize("part", [Picture(Address("https://a/b")), Audio(Inline("audio/wav", "QUJD"))])
def test_what_it_takes_in_no_form_is_refused_by_name(part: Part) -> None:
    with pytest.raises(ProviderFailure, match="by their bytes only"):
        _sent(replace(PROMPT, turns=(Turn(Role.USER, (part,)),)))
