"""A dialect that one row names, through the whole llm-runner: nothing else of it knows the format."""

import pytest

from llm_runner.providers.dialects import DIALECTS
from shared.contracts.transcript import Usage
from support.builders import OPPONENT
from support.line_dialect import LineDialect
from support.workers.environment import WorkerEnvironment
from support.workers.provider_answer import ProviderAnswer

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
ANSWER = [HEAD, b"in 1", b'2\nsay "Good "\n', b'say "day."\ndone ["stop", 3]\n']
BUSY = [b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\ntoo busy"]
PAID = Usage(prompt_tokens=12, completion_tokens=3, cost_nanos=15_000)


async def test_a_turn_is_played_in_a_dialect_of_its_own(
    workers: WorkerEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DIALECTS, "lines", LineDialect())
    answer = await workers.answered(BUSY, ANSWER, dialect="lines")
    assert answer == ProviderAnswer("Good day.", "Good day.", None, (), "stop", PAID, None, answer.asked)
    assert [call.line for call in answer.asked] == ["POST /v1/lines/m HTTP/1.1"] * 2
    assert OPPONENT.system_prompt.encode() in answer.asked[0].raw_body
